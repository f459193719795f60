"""Journey: what holds for every turn, on `/v1`: headers, storing, repeats, resuming, cancelling, disconnecting."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import requests

from tests import openai_types
from tests.fakes.replies import says, tokens
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients.aichat import Api, assistant, new_id, system, user
from tests.journeys.clients.openai import Chat, answer, chunks, refusal
from tests.journeys.clients.progress import wait_for_words
from tests.journeys.clients.runs import cancel, retrieve
from tests.journeys.clients.streams import APART, WHOLE, attach, blocks, events
from tests.journeys.rows import Rows
from tests.waiting import eventually

TOOLS = says(
    "Let me see.",
    tool_calls=[
        {"index": 0, "id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ],
    finish="tool_calls",
    usage=tokens(9, 4),
).apart()


def test_every_response_has_run_id_and_processing_time(chat: Chat, upstream: FakeUpstream) -> None:
    began = time.monotonic()
    responses = [
        chat.ask("Hi"),
        chat.ask("Hi", stream=True),
        chat.ask("Hi", temperature=9),
        chat.post({}, route="/v1/nothing"),
        chat.post({}, route="/v1/models", method="GET"),
    ]
    took = (time.monotonic() - began) * 1000

    for response in responses:
        response.close()
        assert len(response.headers["x-request-id"]) == len("req_") + 32
        assert response.headers["openai-version"] == "2020-10-01"
        assert 0 <= int(response.headers["openai-processing-ms"]) <= took
    assert len({response.headers["x-request-id"] for response in responses}) == 5
    assert [response.headers.get("X-Run-Id", "")[:4] for response in responses] == ["run_", "run_", "", "", ""]
    # Only questions are counted.
    is_counted = ["x-ratelimit-limit-requests" in response.headers for response in responses]
    assert is_counted == [True, True, True, False, False]


def test_openai_mirrors_v1(chat: Chat, upstream: FakeUpstream) -> None:
    body = {"model": "gpt-4o-mini", "messages": [user("Hi")]}

    assert answer(chat.post(body, route="/openai/chat/completions"))["object"] == "chat.completion"
    models = [chat.post({}, route=f"/{root}/models", method="GET").json() for root in ("v1", "openai")]
    assert models[0] == models[1]
    assert chat.post({}, route="/openai/models/gpt-4o", method="GET").json()["id"] == "gpt-4o"


def test_accept_decides_nothing(chat: Chat, upstream: FakeUpstream) -> None:
    whole = chat.ask("Hi", headers={"Accept": "text/event-stream"})
    streamed = chat.ask("Hi", headers={"Accept": "application/json"}, stream=True)

    assert openai_types.only_message(answer(whole))["content"]
    assert openai_types.said(chunks(streamed)) == openai_types.only_message(answer(whole))["content"]


def test_nothing_is_stored_unless_asked_for(chat: Chat, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()

    response = chat.ask("Hi")

    assert "X-Conversation-Id" not in response.headers
    after = rows.counts()
    assert (after["conversation"], after["message"]) == (before["conversation"], before["message"])
    forgotten = eventually(lambda: rows.run(response), lambda run: run["request"] is None)
    assert (forgotten["answer"], forgotten["status"]) == (None, "completed")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_stored_turn_is_a_conversation_that_aichat_continues(
    chat: Chat, api: Api, upstream: FakeUpstream, is_streamed: bool
) -> None:
    said = [system("Be kind."), user("One"), assistant("Two"), user("Three")]
    upstream.script(says("Four"), says("Six"))

    response = chat.ask("", store=True, messages=said, metadata={"topic": "tea"}, stream=is_streamed)
    body = response.content
    thread = response.headers["X-Conversation-Id"]
    again = api.answer("Five", id=thread)

    assert b"Four" in body
    assert again == {"id": thread, "answer": "Six"}
    first, second = upstream.requests
    assert first.messages == said
    assert second.messages == [*said, assistant("Four"), user("Five")]
    assert not {"store", "metadata"} & first.body.keys()


def test_a_repeat_is_answered_byte_for_byte_without_asking_again(
    chat: Chat, upstream: FakeUpstream, valkey: redis.Redis
) -> None:
    """Also when only the database remembers."""
    headers = {"Idempotency-Key": new_id()}
    upstream.script(TOOLS)
    first = chat.ask("Hi", headers=headers)

    again = chat.ask("Hi", headers=headers)
    valkey.flushall()
    from_the_row = chat.ask("Hi", headers=headers)

    assert openai_types.only_message(answer(first))["tool_calls"][0]["function"]["arguments"] == '{"a":1}'
    assert [again.content, from_the_row.content] == [first.content] * 2
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["X-Run-Id"] == first.headers["X-Run-Id"]
    assert len(upstream.requests) == 1


def test_a_stored_repeat_names_its_conversation(chat: Chat, upstream: FakeUpstream) -> None:
    headers = {"Idempotency-Key": new_id()}

    first, again = (chat.ask("Hi", headers=headers, store=True) for _ in range(2))

    assert again.headers["X-Conversation-Id"] == first.headers["X-Conversation-Id"]
    assert again.content == first.content


def test_a_stream_is_repeated_as_the_same_events(chat: Chat, upstream: FakeUpstream) -> None:
    headers = {"Idempotency-Key": new_id()}
    upstream.script(TOOLS)

    first, again = (chat.ask("Hi", headers=headers, stream=True).content for _ in range(2))

    assert again == first
    assert len(upstream.requests) == 1


def test_a_run_is_read_again_in_its_own_family_from_any_position(
    chat: Chat, api: Api, upstream: FakeUpstream, valkey: redis.Redis
) -> None:
    upstream.script(TOOLS)
    first = chat.ask("Hi", store=True, stream=True, stream_options={"include_usage": True})
    whole, run_id = events(first), first.headers["X-Run-Id"]

    def rest(place: int) -> list[str]:
        return events(attach(api, run_id, starting_after=place))

    # The chunk with the role has no position of its own; it precedes the first chunk that has one.
    firsts = [index for index, event in enumerate(whole) if event.startswith("id: ")]
    assert [rest(place) for place in range(len(firsts))] == [whole, *(whole[index + 1 :] for index in firsts[:-1])]
    as_json = attach(api, run_id, format="json")
    valkey.flushall()
    replay = attach(api, run_id)

    assert attach(api, run_id, format="json").content == as_json.content
    message = openai_types.only_message(answer(as_json))
    assert openai_types.said(chunks(replay)) == message["content"] == "Let me see."
    assert openai_types.reasons(chunks(replay)) == {0: "tool_calls"}
    refused = attach(api, run_id, format="ndjson")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")


def test_a_stream_is_resumed_while_it_runs(chat: Chat, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(APART.stalled_after(4))

    with chat.ask("Hi", store=True, stream=True) as first:
        read = blocks(first)
        seen = [next(read) for _ in range(3)]
    with attach(api, first.headers["X-Run-Id"], starting_after=2, stream=True) as second:
        upstream.release()
        seen += list(blocks(second))

    assert openai_types.said(openai_types.payloads("".join(f"{event}\n\n" for event in seen))) == WHOLE
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_cancelled_run_ends_normally_with_its_text(
    chat: Chat, api: Api, upstream: FakeUpstream, is_streamed: bool
) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(lambda: whole(chat.ask("Hi", store=True, stream=is_streamed)))
        upstream.wait_for_requests(1)
        run_id = newest(api)["id"]
        wait_for_words(upstream)
        cancel(api, run_id)
        response = asked.result()

    if is_streamed:
        found = chunks(response)
        assert (openai_types.said(found), openai_types.reasons(found)) == ("Hel", {0: "stop"})
    else:
        (choice,) = answer(response)["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("Hel", "stop")
    assert retrieve(api, run_id)["status"] == "cancelled"
    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)


def whole(response: requests.Response) -> requests.Response:
    assert response.content
    return response


def newest(api: Api) -> dict[str, str]:
    page = requests.get(f"{api.base_url}/api/v1/runs", headers=api.headers, params={"limit": 1}, timeout=30).json()
    return dict(page["results"][0])


def test_a_run_cancelled_before_its_first_word_is_a_conflict(chat: Chat, api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("Never").silent())

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(chat.ask, "Hi", store=True)
        upstream.wait_for_requests(1)
        cancel(api, newest(api)["id"])
        response = asked.result()

    assert refusal(response) == (409, "run_cancelled", None)
    assert response.headers["x-should-retry"] == "false"


def test_an_unstored_turn_is_stopped_when_its_reader_leaves(chat: Chat, upstream: FakeUpstream) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    response = chat.ask("Hi", stream=True)
    next(blocks(response))
    response.close()

    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("keep", [lambda: {"store": True}, lambda: {"headers": {"Idempotency-Key": new_id()}}])
def test_a_kept_turn_goes_on_when_its_reader_leaves(
    chat: Chat, upstream: FakeUpstream, rows: Rows, keep: Callable[[], dict[str, object]]
) -> None:
    upstream.script(says("Hel", "lo").stalled_after(2))

    response = chat.ask("Hi", stream=True, **keep())  # type: ignore[arg-type] # one of ask's own
    next(blocks(response))
    response.close()
    upstream.release()

    assert rows.ended(response)["status"] == "completed"
    assert not upstream.requests[0].disconnected.is_set()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_break_after_the_first_word_is_reported(chat: Chat, upstream: FakeUpstream, is_streamed: bool) -> None:
    """A stream keeps its text and fails; a run that only a JSON caller waits for is restarted."""
    upstream.script(says("Hel", "lo").cut_after(2), says("Hello."))

    response = chat.ask("Hi", stream=is_streamed)

    if is_streamed:
        found, error = openai_types.failed_payloads(response.content)
        assert (openai_types.said(found), error["code"], error["type"]) == ("Hel", "server_error", "server_error")
    else:
        assert openai_types.only_message(answer(response))["content"] == "Hello."


def test_a_stream_sends_keep_alives_before_its_first_word(chat: Chat, upstream: FakeUpstream) -> None:
    upstream.script(says("Late").silent(11.0))

    body = chat.ask("Hi", stream=True).text

    assert body.startswith(": PING\n\n")
    assert openai_types.said(openai_types.payloads(body)) == "Late"


def test_a_busy_conversation_may_be_refused_or_replaced(chat: Chat, upstream: FakeUpstream) -> None:
    thread = {"X-Conversation-Id": new_id()}
    upstream.script(says("Hel", "lo").stalled_after(2), says("Next."))

    with chat.ask("One", headers=thread, stream=True) as first:
        read = blocks(first)
        seen = [next(read)]
        refused = chat.ask("Two", headers={**thread, "X-On-Busy": "reject"})
        replacing = chat.ask("Three", headers={**thread, "X-On-Busy": "replace"})
        seen += read

    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["run_id"]) == (
        409,
        "conversation_busy",
        first.headers["X-Run-Id"],
    )
    assert refused.headers["x-should-retry"] == "false"
    assert openai_types.reasons(openai_types.payloads("\n\n".join([*seen, ""]))) == {0: "stop"}
    assert openai_types.only_message(answer(replacing))["content"] == "Next."
    assert upstream.requests[1].messages == [user("One"), assistant("Hel"), user("Three")]
