"""A visitor's first turn, when a row of it is refused or a process dies: all of it is there, or nothing, and once.

The account pays and has an endpoint, so that such a turn writes every row that one may write.
"""

from collections.abc import Iterator
from functools import partial

import pytest
import requests

from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json, says
from tests.faults.harness.callers import Caller
from tests.faults.harness.environment import ProxiedEnvironment
from tests.faults.harness.points import BEFORE, SAYS_FIRST, SAYS_SECOND, SECOND
from tests.faults.harness.refused_turns import Log
from tests.faults.harness.subscriber import subscribed
from tests.faults.money import metered
from tests.faults.money.metered import COST, FIVE_TOKENS, Purse
from tests.journeys import books
from tests.journeys.assistants import client as assistants
from tests.journeys.clients.aichat import MODEL, new_id
from tests.journeys.clients.runs import retrieve
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, refusal
from tests.journeys.rows import RUNS
from tests.waiting import eventually

ACCOUNT = "visited"
ENDED_SECONDS = 60.0
RECORDS = rb"INSERT INTO conversations_assistedrun"
COMMITS = RECORDS + rb".*; COMMIT$"
# A batch of what a merge leaves for later.
MOVES = rb"SET \"visitor_id\" = \d+ WHERE \"conversations_dialogue\"\.\"conversation_id\" IN"
FILLED = 3_000
FILL = f"""
WITH made AS (
  INSERT INTO conversations_conversation (account_id, public_id)
  SELECT account_id, 'kept-' || id || '-' || n FROM conversations_visitor, generate_series(1, {FILLED}) AS n
  WHERE public_id = %s RETURNING id, account_id, public_id
)
INSERT INTO conversations_dialogue (conversation_id, account_id, visitor_id)
SELECT id, account_id, split_part(public_id, '-', 2)::bigint FROM made
"""
# By table: what of a first turn is refused.
REFUSED = {
    "visitor": "true",
    "visitoridentity": "true",
    "dialogue": "true",
    "assistedrun": "true",
    "event": "NEW.type = 'visitor.created'",
}
CHEAP = ("visitor", "assistedrun")


@pytest.fixture(scope="module")
def visited(proxied_environment: ProxiedEnvironment) -> Iterator[ProxiedEnvironment]:
    with (
        metered.metered(proxied_environment, ACCOUNT) as environment,
        subscribed(environment.api, environment.rows, "visitor.created", "dialogue.finished"),
    ):
        yield environment


@pytest.fixture
def environment(visited: ProxiedEnvironment) -> ProxiedEnvironment:
    visited.reset()
    return visited


@pytest.fixture
def purse(environment: ProxiedEnvironment) -> Purse:
    return Purse(environment, ACCOUNT)


@pytest.fixture
def yuju(environment: ProxiedEnvironment) -> Yuju:
    return Yuju(environment.api.base_url, environment.api.key)


@pytest.fixture
def helper(environment: ProxiedEnvironment) -> str:
    """An assistant's id."""
    return str(assistants.make(environment.api, model=MODEL)["id"])


def ask(yuju: Yuju, helper: str, visitor: str, question: str, *, key: str = "") -> Caller:
    headers = {"Idempotency-Key": key} if key else {}
    return Caller(partial(yuju.ask, question, headers=headers, ibotID=helper, visitorId=visitor))


def desc(response: requests.Response | None) -> str:
    assert response is not None
    assert response.status_code == 200, response.text
    return str(response.json()["desc"])


def ended(environment: ProxiedEnvironment, run: Json) -> Json:
    return eventually(
        lambda: retrieve(environment.api, run["public_id"]),
        lambda found: found["finished_at"] is not None,
        within=ENDED_SECONDS,
    )


def find(environment: ProxiedEnvironment, external_id: str) -> str:
    """The only visitor that has this id."""
    (found,) = call(environment.api, "GET", f"visitors?external_id={external_id}")["results"]
    return str(found["id"])


def owned(environment: ProxiedEnvironment, visitor: str) -> int:
    """How many conversations it has."""
    sql = """
    SELECT count(*) AS n FROM conversations_dialogue d JOIN conversations_visitor v ON v.id = d.visitor_id
    WHERE v.public_id = %s
    """
    return int(environment.rows.all(sql, visitor)[0]["n"])


def prompts(environment: ProxiedEnvironment, question: str) -> list[list[str]]:
    """What was said in each call of the vendor for this question."""
    return [[message["content"] for message in sent.messages] for sent in environment.calls(question)]


def assert_one_thread(environment: ProxiedEnvironment, yuju: Yuju, helper: str, visitor: str, *said: str) -> None:
    """There is one visitor with one thread, reported once, in which this was said. It costs a turn."""
    environment.plan("And then?", says(FIVE_TOKENS))
    asked = len(environment.calls("And then?"))
    assert desc(ask(yuju, helper, visitor, "And then?").wait()) == FIVE_TOKENS
    assert prompts(environment, "And then?")[asked:] == [[*said, "And then?"]]
    found = find(environment, visitor)
    assert owned(environment, found) == 1
    reported = "SELECT 1 AS n FROM conversations_event WHERE type = 'visitor.created' AND strpos(payload, %s) > 0"
    assert len(environment.rows.all(reported, found)) == 1


@pytest.mark.parametrize(
    "table", [pytest.param(one, marks=[] if one in CHEAP else pytest.mark.faults) for one in REFUSED]
)
def test_a_first_turn_with_a_refused_row_leaves_nothing(
    environment: ProxiedEnvironment, purse: Purse, yuju: Yuju, helper: str, table: str
) -> None:
    visitor, log, counts = new_id(), Log(environment), environment.rows.counts_of_all()
    with refusing(environment.rows.change, table, "INSERT", when=REFUSED[table]):
        response = ask(yuju, helper, visitor, "Who am I?", key=f"refused {table}").wait()

    assert response is not None
    assert refusal(response)[0] == 500
    assert environment.rows.counts_of_all() == counts
    assert environment.calls("Who am I?") == []
    purse.assert_paid(COST * 0, calls=0)
    assert visitor not in "".join(log.errors)
    assert_one_thread(environment, yuju, helper, visitor)
    purse.assert_paid(COST, calls=1)


@pytest.mark.faults
@pytest.mark.parametrize("is_committed", [False, True], ids=["before the commit", "after the commit"])
def test_the_web_process_is_killed_while_it_accepts_a_first_turn(
    environment: ProxiedEnvironment, purse: Purse, yuju: Yuju, helper: str, is_committed: bool
) -> None:
    visitor, key = new_id(), new_id()
    environment.plan(BEFORE[0], says(FIVE_TOKENS))
    newest = environment.newest_run()
    with environment.database.hold(COMMITS if is_committed else RECORDS, is_answer=is_committed) as held:
        cut_off = ask(yuju, helper, visitor, BEFORE[0], key=key)
        held.wait()
        environment.kill("web")

    assert cut_off.wait() is None
    environment.reset()
    environment.plan(BEFORE[0], says(FIVE_TOKENS))
    accepted = environment.rows.all(f"SELECT * FROM {RUNS} WHERE id > %s", newest)
    assert len(accepted) == (1 if is_committed else 0)
    assert desc(ask(yuju, helper, visitor, BEFORE[0], key=key).wait()) == FIVE_TOKENS
    assert len(environment.calls(BEFORE[0])) == 1
    purse.assert_paid(COST, calls=1)
    assert_one_thread(environment, yuju, helper, visitor, BEFORE[0], FIVE_TOKENS)


@pytest.mark.faults
@pytest.mark.parametrize("is_first", [True, False], ids=["first turn", "later turn"])
def test_the_worker_is_killed_in_a_visitors_turn(
    environment: ProxiedEnvironment, yuju: Yuju, helper: str, is_first: bool
) -> None:
    visitor, before = new_id(), [] if is_first else [*BEFORE]
    environment.plan(BEFORE[0], says(BEFORE[1]))
    if not is_first:
        assert desc(ask(yuju, helper, visitor, BEFORE[0]).wait()) == BEFORE[1]
    purse = Purse(environment, ACCOUNT)
    environment.plan("Still there?", SAYS_FIRST.stalled_after(1 + 1), SAYS_SECOND)
    newest = environment.newest_run()
    caller = ask(yuju, helper, visitor, "Still there?")
    run = environment.run_after(newest)
    eventually(lambda: len(environment.calls("Still there?")), lambda calls: calls == 1)
    environment.kill("worker")

    assert desc(caller.wait()) == SECOND
    assert ended(environment, run)["status"] == "completed"
    assert prompts(environment, "Still there?") == [[*before, "Still there?"]] * 2
    books.assert_balanced(environment.rows)
    assert_one_thread(environment, yuju, helper, visitor, *before, "Still there?", SECOND)
    assert purse.state[1] == "0"


@pytest.mark.faults
def test_upkeep_is_killed_while_it_reports_the_end_of_a_dialogue(
    environment: ProxiedEnvironment, yuju: Yuju, helper: str
) -> None:
    visitor = new_id()
    environment.plan(BEFORE[0], says(BEFORE[1]))
    thread = ask(yuju, helper, visitor, BEFORE[0]).wait()
    assert thread is not None
    conversation = thread.headers["X-Conversation-Id"]
    of_it = f"(SELECT id FROM conversations_conversation WHERE public_id = '{conversation}')"
    reports = f"SELECT type FROM conversations_event WHERE type = 'dialogue.finished' AND conversation_id = {of_it}"
    with environment.database.hold(rb"dialogue\.finished|UPDATE \"conversations_dialogue\" SET \"is_open\"") as held:
        environment.rows.change(
            f"UPDATE conversations_conversation SET updated_at = now() - interval '30 days' WHERE id = {of_it}"
        )
        environment.rows.change(
            f"UPDATE conversations_dialogue SET look_at = now() - interval '1 day' WHERE conversation_id = {of_it}"
        )
        held.wait()
        environment.kill("upkeep")

    assert environment.rows.all(reports) == []
    eventually(lambda: len(environment.rows.all(reports)), lambda found: found == 1, within=ENDED_SECONDS)
    is_open = f"SELECT is_open FROM conversations_dialogue WHERE conversation_id = {of_it}"
    assert environment.rows.all(is_open) == [{"is_open": False}]


@pytest.mark.faults
def test_web_and_upkeep_are_killed_while_they_move_what_a_merged_visitor_had(
    environment: ProxiedEnvironment, yuju: Yuju, helper: str
) -> None:
    """It is moved all the same, and both go on in the thread of the one that stays."""
    source, target = new_id(), new_id()
    environment.plan(BEFORE[0], says(BEFORE[1]), says(BEFORE[1]))
    for visitor in (source, target):
        assert desc(ask(yuju, helper, visitor, BEFORE[0]).wait()) == BEFORE[1]
    gone, stays = (find(environment, visitor) for visitor in (source, target))
    environment.rows.change(FILL, gone)
    merge = f"{environment.api.base_url}/api/v1/visitors/{gone}/merge"
    with environment.database.hold(MOVES) as held:
        merging = Caller(
            lambda: requests.post(merge, headers=environment.api.headers, json={"into": stays}, timeout=60)
        )
        held.wait()
        with environment.database.hold(MOVES) as held_again:
            environment.kill("web")
            assert merging.wait() is None
            held_again.wait()
            environment.kill("upkeep")
    environment.reset()

    for question, visitor in (("Of mine?", source), ("Of yours?", target)):
        environment.plan(question, says(FIVE_TOKENS))
        assert desc(ask(yuju, helper, visitor, question).wait()) == FIVE_TOKENS
    assert prompts(environment, "Of yours?") == [[*BEFORE, "Of mine?", FIVE_TOKENS, "Of yours?"]]
    moved = eventually(lambda: owned(environment, stays), (FILLED + 2).__eq__, within=ENDED_SECONDS)
    assert (moved, owned(environment, gone)) == (FILLED + 2, 0)
    left = "SELECT public_id FROM conversations_visitor WHERE public_id = %s"
    assert eventually(lambda: environment.rows.all(left, gone), [].__eq__) == []
