"""An assistant is found by one look-up for a turn, however many there are."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from conversations.errors import NotFound
from conversations.models import Account, Assistant
from conversations.queries.assistants import assistants, configs
from conversations.queries.keyset import LOOKED_THROUGH
from conversations.values.assistants import Fallback, FallbackHandler
from providers.messages import EXTRA_BODY
from tests import plans
from tests.builders import tools
from tests.builders.factories import A_MOMENT, AccountFactory, AssistantFactory, AssistantVersionFactory

pytestmark = pytest.mark.django_db

FEW = 400
# Every account has 200 assistants in 3 versions each, and one account has as many as all others together.
FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO conversations_assistant (id, account_id, public_id, version, is_default, created_at, deleted_at)
SELECT 1000000 + i, CASE WHEN i %% 2 = 0 THEN %(crowd)s ELSE 5000000 + i / 400 END, 'asst_' || i, 3, i %% 400 = 1,
       now(), CASE WHEN i %% 7 = 0 THEN now() END
FROM generate_series(1, 20000) i;
INSERT INTO conversations_assistantversion (account_id, assistant_id, number, name, kind, options, knowledge, tools,
                                            intents)
SELECT account_id, id, n, 'name', 'dialogue', '{}', '[]', '[]', '[]'
FROM conversations_assistant, generate_series(1, 3) n WHERE id >= 1000000;
ANALYZE conversations_assistant; ANALYZE conversations_assistantversion;
"""


def test_has_what_the_newest_version_says() -> None:
    assistant = AssistantFactory.create(version=2, version_row__prompt="Old.")
    AssistantVersionFactory.create(
        assistant=assistant, number=2, prompt="New.", options={"temperature": 0.5, "top_k": 3, "stream": True},
        fallback="fix", fallback_text="没有", history_most=0, model="gpt-4o",
    )  # fmt: skip

    config = configs.load(account_id=assistant.account_id, assistant_id=assistant.public_id)

    assert (config.pk, config.version, config.prompt, config.model) == (assistant.pk, 2, "New.", "gpt-4o")
    # What the rules of today refuse is left out.
    assert config.options == {"temperature": 0.5, EXTRA_BODY: {"top_k": 3}}
    assert (config.fallback, config.history_most) == (Fallback(FallbackHandler.FIX, "没有"), 0)


def test_leaves_out_tools_that_are_gone(ann: Account) -> None:
    kept, gone, server = tools.tool(ann, "a"), tools.tool(ann, "b"), tools.mcp_server(ann, "c")
    of_other = tools.tool(AccountFactory.create(), "a")
    named = [server.public_id, gone.public_id, of_other.public_id, kept.public_id]
    assistant = AssistantFactory.create(account=ann, version_row__kind="tool", version_row__tools=named)
    gone.delete()

    config = configs.load(account_id=ann.pk, assistant_id=assistant.public_id)

    assert config.tools == (server.public_id, kept.public_id)


def test_a_deleted_one_and_that_of_another_account_are_not_found(ann: Account) -> None:
    deleted, other = AssistantFactory.create(account=ann, deleted_at=A_MOMENT), AssistantFactory.create()

    for assistant_id in (deleted.public_id, other.public_id, None):
        with pytest.raises(NotFound):
            configs.load(account_id=ann.pk, assistant_id=assistant_id)


ASKED: dict[str, Callable[[Account, Assistant], object]] = {
    "page": lambda owner, one: assistants.page(account_id=owner.pk, cursor=None, limit=20),
    "versions": lambda owner, one: assistants.versions_page(
        account_id=owner.pk, assistant_id=one.public_id, before=3, limit=20
    ),
}


OF_TURN = [
    *("conversations_assistant", "conversations_assistantversion"),
    *("conversations_tool", "conversations_mcpserver", "conversations_knowledgebase"),
]


def test_a_turn_fetches_few_rows_among_many() -> None:
    crowd, late = AccountFactory.create(), AccountFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"crowd": crowd.pk})
    for owner in (late, crowd):
        named = {"version_row__tools": [tools.tool(owner, "a").public_id], "version_row__kind": "tool"}
        one = AssistantFactory.create(account=owner, is_default=True, **named)
        for assistant_id in (one.public_id, None):
            load = partial(configs.load, account_id=owner.pk, assistant_id=assistant_id)
            assert plans.rows_fetched(load, OF_TURN) < 20


@pytest.mark.parametrize("what", ASKED)
def test_reads_little_among_many(what: str) -> None:
    # Deleted ones are looked through for a page.
    rows_max = FEW + (LOOKED_THROUGH if what == "page" else 0)
    crowd, late = AccountFactory.create(), AccountFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"crowd": crowd.pk})
    of_late = AssistantFactory.create(account=late, is_default=True)
    of_crowd = AssistantFactory.create(account=crowd, is_default=True)

    for owner, one in ((late, of_late), (crowd, of_crowd)):
        assert plans.costly(partial(ASKED[what], owner, one), rows_max=rows_max) == {}
