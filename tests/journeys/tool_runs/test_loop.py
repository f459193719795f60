"""The loop: a model calls tools, is told what they say, and answers."""

import pytest

from tests.fakes.receiver import Receiver, answers, floods, stalls
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import openai, runs, tools
from tests.journeys.clients.aichat import MODEL, Api, new_id, refusal
from tests.journeys.clients.openai import Chat
from tests.waiting import eventually


def test_answers_with_what_the_tool_said(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = answers(200, b'{"degrees": 21}', {"Content-Type": "application/json"})
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {"city": "Paris"}), text="Let me look."), says("It is ", "21 degrees."))

    answer = api.answer("How warm is Paris?", tools=[tool["id"]])

    assert answer["answer"] == "Let me look.\n\nIt is 21 degrees."
    assert [posted.body for posted in receiver.requests] == [b'{"city":"Paris"}']
    first, second = (request.body for request in upstream.requests)
    assert tools.offered(first) == tools.offered(second) == [tool["name"]]
    assert tools.results(second) == ['{"degrees": 21}']


def test_a_stream_shows_one_answer_and_none_of_our_calls(
    chat: Chat, api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    receiver.default = answers(200, b"21")
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {"city": "Paris"}), text="Looking."), says("Warm.", usage=tools.USAGE))

    chunks = openai.chunks(
        chat.ask("How warm is it?", stream=True, tool_ids=[tool["id"]], stream_options={"include_usage": True})
    )

    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Looking.\n\nWarm."
    assert not any("tool_calls" in delta for delta in deltas)
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"] if c["finish_reason"]] == ["stop"]
    assert chunks[-1]["usage"]["total_tokens"] == 2 * tools.USAGE["total_tokens"]


def test_the_callers_own_calls_stay_the_callers(
    chat: Chat, api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    tool = tools.make(api, receiver.url)
    own = {"type": "function", "function": {"name": "own", "parameters": {"type": "object", "properties": {}}}}
    upstream.script(tools.calls((tool["name"], {}), ("own", {"a": 1})))

    answer = chat.answer("Go", tools=[own], tool_ids=[tool["id"]])

    message = answer["choices"][0]["message"]
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["own"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert tools.offered(upstream.requests[0].body) == ["own", tool["name"]]
    assert len(receiver.requests) == len(upstream.requests) == 1


def test_a_model_that_calls_for_ever_has_to_answer(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url)
    upstream.script(*(tools.calls((tool["name"], {"page": page})) for page in range(8)), says("Enough."))

    answer = api.answer("Go", id=new_id(), tools=[tool["id"]])

    assert answer["answer"] == "Enough."
    assert len(receiver.requests) == 8
    last = upstream.requests[-1].body
    assert "tools" not in last
    assert "the limit of 8 steps with tools is reached" in tools.results(last)[-1]


def test_a_repeated_call_is_answered_from_its_first_result(
    api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    receiver.default = answers(200, b"21")
    tool = tools.make(api, receiver.url)
    same = (tool["name"], '{"a": 1, "b": 2}'), (tool["name"], '{"b":2,"a":1}'), (tool["name"], {"a": 1, "b": 2})
    upstream.script(*map(tools.calls, same), says("Enough."))

    answer = api.answer("Go", tools=[tool["id"]])

    assert answer["answer"] == "Enough."
    assert len(receiver.requests) == 1
    first, second, third = tools.results(upstream.requests[-1].body)
    assert first == "21"
    assert second == "[The same call was made before. This is its result from then:]\n21"
    assert third.startswith("The tool was not called again")
    assert "tools" not in upstream.requests[-1].body


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("not JSON", "Its arguments are not valid JSON"),
        ("[1]", "Its arguments are not a JSON object"),
        ('{"a": "%s"}' % ("x" * 1_000_000), "Its arguments have more than 65536 bytes"),
        ("[" * 5_000 + "]" * 5_000, "Its arguments are not valid JSON"),
        ('{"a": %s}' % ("[" * 300 + "]" * 300), "Its arguments are nested too deeply"),
    ],
    ids=["garbage", "list", "megabyte", "nested", "readable"],
)
def test_arguments_that_cannot_be_used_are_told_to_the_model(
    api: Api, upstream: FakeUpstream, receiver: Receiver, arguments: str, told: str
) -> None:
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], arguments)), says("Sorry."))

    answer = api.answer("Go", tools=[tool["id"]])

    assert answer["answer"] == "Sorry."
    assert told in tools.results(upstream.requests[-1].body)[0]
    assert upstream.requests[-1].messages[-2]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert receiver.requests == []


def test_a_name_that_no_tool_has_is_told_to_the_model(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls(("invented", {})), says("Sorry."))

    assert api.answer("Go", tools=[tool["id"]])["answer"] == "Sorry."

    assert tools.results(upstream.requests[-1].body) == ["There is no tool of the name invented."]


def test_a_tool_that_never_answers_ends_with_its_timeout(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = stalls()
    tool = tools.make(api, receiver.url, timeout_seconds=1)
    upstream.script(tools.calls((tool["name"], {})), says("It does not answer."))

    assert api.answer("Go", tools=[tool["id"]])["answer"] == "It does not answer."

    assert tools.results(upstream.requests[-1].body)[0].startswith("The tool failed")


def test_a_tool_that_answers_50_mb_is_cut(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = floods(50)
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), says("Long."))

    assert api.answer("Go", tools=[tool["id"]])["answer"] == "Long."

    assert len(tools.results(upstream.requests[-1].body)[0]) < 70_000


def test_a_run_is_stopped_while_its_tool_works(api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    receiver.default = stalls()
    tool = tools.make(api, receiver.url, timeout_seconds=120)
    upstream.script(tools.calls((tool["name"], {}), text="One moment."))
    thread = new_id()
    response = api.post({"model": MODEL, "question": "Go", "id": thread, "tools": [tool["id"]], "async": True})
    run_id = response.headers["X-Run-Id"]
    receiver.wait(1)

    runs.cancel(api, run_id)

    run = eventually(lambda: runs.retrieve(api, run_id), lambda run: run["status"] == "cancelled")
    assert [call["status"] for call in run["tool_calls"]] == ["running"]
    assert run["usage"]["total_tokens"] == tools.USAGE["total_tokens"]
    assert len(upstream.requests) == 1


def test_an_unknown_tool_is_refused_by_its_id(api: Api, upstream: FakeUpstream) -> None:
    status, code, message = refusal(api.ask("Go", tools=["tool_nobody"]))

    assert (status, code) == (400, "bad_request")
    assert "tool_nobody" in message
    assert upstream.requests == []


def test_several_answers_cannot_call_tools(chat: Chat, api: Api, receiver: Receiver) -> None:
    tool = tools.make(api, receiver.url)

    response = chat.ask("Go", n=2, tool_ids=[tool["id"]])

    assert (response.status_code, response.json()["error"]["param"]) == (400, "n")
