"""Journey: an owner deletes conversations, short and long, and watches the long one being erased."""

from typing import Any

import psycopg
import pytest
import requests

from project.embedded import paths
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

# More than is erased at once.
TURNS = 1_500
# Turns of the past, each a question and an answer behind the one before, as old releases stored them.
FILL = """
WITH c AS (SELECT id, account_id FROM conversations_conversation WHERE public_id = %(thread)s),
run AS (
  INSERT INTO conversations_run (account_id, conversation_id, public_id, channel, trace_id, dialect, model,
    context_window, request, attempt, finished_at)
  SELECT c.account_id, c.id, 'run_' || gen_random_uuid(), 'c', gen_random_uuid(), 'aichat', 'echo', 8000, '{}', 1,
         now()
  FROM c, generate_series(1, %(turns)s) RETURNING id, account_id, conversation_id
)
INSERT INTO conversations_message (account_id, conversation_id, run_id, public_id, role, parts, tokens)
SELECT account_id, conversation_id, id, 'msg_' || gen_random_uuid(), role, '[]', 1
FROM run, unnest(ARRAY['user', 'assistant']) AS role
"""
CHAIN = """
UPDATE conversations_message m SET parent_id = older.parent FROM (
  SELECT m.id, lag(m.id) OVER (ORDER BY m.id) AS parent FROM conversations_message m
  JOIN conversations_conversation c ON c.id = m.conversation_id WHERE c.public_id = %(thread)s
) AS older WHERE m.id = older.id
"""


def delete(api: Api, thread: str) -> requests.Response:
    return requests.delete(f"{api.base_url}/api/v1/conversations/{thread}", headers=api.headers, timeout=60)


def get(api: Api, path: str) -> Any:
    response = requests.get(f"{api.base_url}/api/v1/{path}", headers=api.headers, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def fill(service: Service, thread: str) -> None:
    with psycopg.connect(paths.database_url(service.data_dir)) as database:
        database.execute(FILL, {"thread": thread, "turns": TURNS})
        database.execute(CHAIN, {"thread": thread})


def test_a_short_one_is_gone_when_the_answer_comes(new_api: Api, rows: Rows) -> None:
    thread = new_id()
    run_id = new_api.ask("Secret?", model="echo", id=thread).headers["X-Run-Id"]

    deleted, again = delete(new_api, thread), delete(new_api, thread)

    assert (deleted.status_code, deleted.content, again.status_code) == (204, b"", 204)
    assert refusal(new_api.ask("Still there?", model="echo", id=thread))[0] == 404
    assert get(new_api, f"runs/{run_id}")["status"] == "completed"
    counted = "SELECT count(*) AS n FROM conversations_message m JOIN conversations_conversation c ON c.id = "
    assert rows.all(f"{counted} m.conversation_id WHERE c.public_id = %s", thread)[0]["n"] == 0
    (erasure,) = get(new_api, "erasures")["results"]
    assert (erasure["conversation"], erasure["status"]) == (thread, "done")


def test_a_long_one_is_out_of_reach_at_once_and_erased_in_the_background(
    service: Service, new_api: Api, rows: Rows
) -> None:
    thread = new_id()
    run_id = new_api.ask("Secret?", model="echo", id=thread).headers["X-Run-Id"]
    fill(service, thread)

    deleted = delete(new_api, thread)

    erasure = deleted.json()
    assert deleted.status_code == 202
    assert erasure.keys() == {
        *("id", "object", "conversation", "visitor", "status", "steps_done", "steps_total"),
        *("created_at", "finished_at"),
    }
    assert (erasure["object"], erasure["conversation"], erasure["status"]) == ("erasure", thread, "running")
    stream = f"{new_api.base_url}/api/v1/runs/{run_id}/stream?format=json"
    assert requests.get(stream, headers=new_api.headers, timeout=60).status_code == 404
    done = eventually(lambda: get(new_api, f"erasures/{erasure['id']}"), lambda shown: shown["status"] == "done")
    assert done["steps_done"] == done["steps_total"] == 3 * (TURNS + 1)
    (row,) = rows.all('SELECT erased, "left" FROM conversations_erasure WHERE public_id = %s', erasure["id"])
    assert row["erased"]["message"] == 2 * (TURNS + 1)
    assert set(row["left"].values()) == {0}


def test_a_busy_one_is_kept(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Wait", " …").stalled_after(2))
    with api.ask("1", accept="application/x-ndjson", stream=True, id=thread):
        wait_for_words(upstream)
        busy = delete(api, thread)
        upstream.release()

    assert refusal(busy)[:2] == (409, "busy")
    assert api.answer("2", id=thread)["id"] == thread


@pytest.mark.parametrize("thread", ["no-such-thread", "x" * 5_000, "%00", "%2e%2e"])
def test_one_that_is_not_there_is_not_found(api: Api, thread: str) -> None:
    assert refusal(delete(api, thread))[:2] == (404, "not_found")


def test_another_accounts_is_not_found(api: Api, other_api: Api) -> None:
    thread = new_id()
    api.answer("Mine", model="echo", id=thread)

    assert refusal(delete(other_api, thread))[:2] == (404, "not_found")
    assert api.answer("Still mine", model="echo", id=thread)["id"] == thread
