"""The upgrade to keys with rights, beside processes of the last release, and the way back."""

from collections.abc import Callable
from typing import Any

import psycopg

ACCOUNT = "INSERT INTO conversations_account (public_id, name, is_active) VALUES ('acc_1', 'ann', true) RETURNING id"
KEY = "INSERT INTO conversations_apikey (account_id, name, prefix, key_hash) VALUES (%s, '', 'sk-', %s)"
COLUMNS = "scopes, model_patterns, requests_per_minute, tokens_per_minute, concurrent_runs, expires_at, made_by"


def test_keys_of_the_last_release_get_ids_and_may_do_what_they_could(
    database: psycopg.Connection[Any], migrate: Callable[[str], None]
) -> None:
    migrate("0031")
    ((account_id,),) = database.execute(ACCOUNT).fetchall()
    for number in range(3):
        database.execute(KEY, [account_id, bytes([number] * 32)])

    migrate("0032")

    # As the last release writes it.
    database.execute(KEY, [account_id, bytes([9] * 32)])
    ids = [row[0] for row in database.execute("SELECT public_id FROM conversations_apikey").fetchall()]
    assert len(set(ids)) == 4
    assert {(one[:4], len(one)) for one in ids} == {("key_", 36)}
    rights = database.execute(f"SELECT DISTINCT {COLUMNS} FROM conversations_apikey").fetchall()  # noqa: S608
    assert rights == [([], [], None, None, None, None, "")]

    migrate("0031")
    migrate("0032")

    assert database.execute("SELECT count(*) FROM conversations_apikey").fetchall() == [(4,)]
