"""Journey: the receipt of a turn whose model may call tools of the account."""

from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.receipts import receipt, said

SMALL_MODEL = "gpt-4"


def got(upstream: FakeUpstream, at: int = -1) -> list[tuple[str, str]]:
    """What the vendor got; an answer that only calls has no words."""
    return [(message["role"], message["content"] or "") for message in upstream.requests[at].messages]


def parts_of(found: Json) -> Json:
    counted = dict(found["estimated_tokens"])
    assert counted.pop("total") == sum(counted.values())
    return counted


def test_says_which_tools_were_named_and_which_were_called(
    api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    receiver.default = answers(200, b"21")
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), says("Warm."))

    run_id = api.ask("How warm is it?", id=new_id(), stateful=True, tools=[tool["id"]]).headers["X-Run-Id"]

    assert receipt(api, run_id)["tools"] == {"declared": [tool["id"]], "called": [tool["name"]]}


def test_has_what_the_tools_said_as_the_model_got_it(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = answers(200, b"21 degrees")
    tool, thread = tools.make(api, receiver.url), new_id()
    upstream.script(
        says("Hi."),
        tools.calls((tool["name"], {"at": 1}), (tool["name"], {"at": 2}), text="Let me look."),
        tools.calls((tool["name"], {"at": 3})),
        says("Warm."),
    )
    api.ask("Hello", id=thread, preset="Be brief.")

    run_id = api.ask("How warm is it?", id=thread, tools=[tool["id"]]).headers["X-Run-Id"]

    found = receipt(api, run_id)
    assert said(found) == got(upstream)
    assert [message["origin"] for message in found["messages"]][4:] == ["step"] * 5
    assert (found["sent"], len(upstream.requests)) == (9, 4)
    counted = parts_of(found)
    assert counted["steps"] == sum(one["tokens"] for one in found["messages"] if one["origin"] == "step")
    assert counted["tools"] > 10
    # A page that begins in the middle of the steps leads to the one before it.
    newest = receipt(api, run_id, limit=2)
    before = receipt(api, run_id, limit=1_000, before=newest["earlier"])
    assert [one["position"] for one in before["messages"] + newest["messages"]] == list(range(9))


def test_has_a_long_result_as_it_was_cut(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = answers(200, "天气很好。".encode() * 4_000)
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), says("Warm."))

    run_id = api.ask("How warm is it?", id=new_id(), model=SMALL_MODEL, tools=[tool["id"]]).headers["X-Run-Id"]

    found = receipt(api, run_id)
    assert said(found) == got(upstream)
    assert "The rest of this result is left out" in said(found)[-1][1]


def test_a_model_that_may_call_no_more_was_told_so(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url)
    upstream.script(*[tools.calls((tool["name"], {}))] * 3, says("Enough."))

    run_id = api.ask("Go", id=new_id(), tools=[tool["id"]]).headers["X-Run-Id"]

    found = receipt(api, run_id)
    assert said(found) == got(upstream)
    assert "No more tools can be called" in said(found)[-1][1]
    assert "tools" not in upstream.requests[-1].body
    assert found["tools"] == {"declared": [], "called": [tool["name"]] * 3}
    assert parts_of(found)["tools"] == 0


def test_a_run_that_was_stopped_while_it_waited_says_what_it_had_asked(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    tool, thread = tools.make(new_api, receiver.url, needs_approval=True), new_id()
    upstream.script(says("Hi."), tools.calls((tool["name"], {}), text="I will send it."), says("Later."))
    new_api.ask("Hello", id=thread, preset="Be brief.")
    run_id = new_api.ask("Send it", id=thread, tools=[tool["id"]]).headers["X-Run-Id"]

    runs.cancel(new_api, run_id)
    new_api.ask("And now?", id=thread, preset="Be long.")

    found = receipt(new_api, run_id)
    assert found["notes"] == {}
    assert said(found) == got(upstream, 1)
    assert [message["origin"] for message in found["messages"]] == ["preset", "history", "history", "question"]
    assert found["tools"] == {"declared": [tool["id"]], "called": [tool["name"]]}


def test_a_dry_run_declares_them_and_calls_none(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url)

    body = {"model": MODEL, "question": "How warm is it?", "tools": [tool["id"]]}
    tried = api.post(body, headers={"X-Dry-Run": "true"}).json()

    assert tried["tools"] == {"declared": [tool["name"]], "called": []}
    assert parts_of(tried)["tools"] > 0
    assert (len(receiver.requests), len(upstream.requests)) == (0, 0)
