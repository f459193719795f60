"""Runs whose question may satisfy intents, and those with a fixed answer, when a worker dies or a row is refused."""

import threading

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json, says
from tests.faults.harness.environment import ProxiedEnvironment
from tests.journeys import books
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import knowledge, runs, tools
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import make
from tests.waiting import eventually

RECOVERED_SECONDS = 60.0
FIXED = "请联系人工客服。"


def begin(api: Api, assistant: Json, question: str = "Two breads please") -> str:
    """A turn nobody waits for."""
    body = {"model": assistants.named(assistant), "question": question, "id": new_id(), "async": True}
    response = api.post(body)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def ended(api: Api, run_id: str) -> Json:
    return eventually(
        lambda: runs.retrieve(api, run_id), lambda run: run["finished_at"] is not None, within=RECOVERED_SECONDS
    )


def satisfied(run: Json) -> list[bool | None]:
    return [match["satisfied"] for match in run["intents"]]


@pytest.mark.parametrize("is_matched", [False, True], ids=["while it is matched", "between matching and the end"])
def test_the_next_attempt_finds_out_anew(environment: ProxiedEnvironment, *, is_matched: bool) -> None:
    intent = assistants.make_intent(environment.api, new_id())
    assistant = assistants.make(environment.api, model=MODEL, intents=[intent])
    small, answer = says('{"satisfied": [1]}'), says("Of course.")
    is_over = threading.Event()
    assistants.script_intents(
        environment.upstream, intents=small if is_matched else small.silent(), answer=answer.silent()
    )
    run_id = begin(environment.api, assistant)
    for request in environment.upstream.wait_for_requests(2):
        if is_matched and assistants.is_small(request.body):
            assert request.finished.wait(RECOVERED_SECONDS)
            is_over.set()
    assistants.script_intents(environment.upstream, intents=small, answer=answer)

    environment.kill("worker")

    run = ended(environment.api, run_id)
    assert is_over.is_set() is is_matched
    assert (run["status"], run["attempt"], satisfied(run)) == ("completed", 2, [True])
    assert tools.read_again(environment.api, run_id)["answer"] == "Of course."
    assert len(environment.upstream.requests) == 4
    books.assert_balanced(environment.rows)


def test_a_fixed_answer_outlives_its_worker(environment: ProxiedEnvironment) -> None:
    base = knowledge.make_base(environment.api)
    document = knowledge.add(environment.api, base, name="herons", text="The heron nests early.")
    assert knowledge.ended(environment.api, base, document["id"])["status"] == "ready"
    fallback = {"fallback": "fix", "fallback_text": FIXED}
    assistant = assistants.make(environment.api, kind="knowledge", model=MODEL, knowledge=[base], **fallback)

    environment.kill("worker")
    run_id = begin(environment.api, assistant, "Wie spät ist es?")

    run = ended(environment.api, run_id)
    assert (run["status"], run["notes"]) == ("completed", {"knowledge": "no_match", "fallback": "fix"})
    assert tools.read_again(environment.api, run_id)["answer"] == FIXED
    assert environment.upstream.requests == []


def test_a_run_whose_finding_cannot_be_reported_fails_with_its_report(
    notified_environment: ProxiedEnvironment,
) -> None:
    environment = notified_environment
    environment.reset()
    with Receiver() as receiver:
        make(environment.api, receiver.url)
        intent = assistants.make_intent(environment.api, new_id(), "Two breads please")
        assistant = assistants.make(environment.api, model=MODEL, intents=[intent])
        environment.upstream.script(says("Of course."))

        with refusing(environment.rows.change, "event", "INSERT", when="NEW.type = 'intent.satisfied'"):
            run = ended(environment.api, begin(environment.api, assistant))

        types = eventually(
            lambda: environment.rows.all(
                "SELECT e.type FROM conversations_event e JOIN conversations_run r ON r.id = e.run_id "
                "WHERE r.public_id = %s",
                run["id"],
            ),
            bool,
        )
    assert (run["status"], run["error"]["code"]) == ("failed", "api_error")
    assert types == [{"type": "run.failed"}]
    books.assert_balanced(environment.rows)
