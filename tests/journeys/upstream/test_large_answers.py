"""Journey: answers above the largest size, and readers above a key's limit."""

import contextlib
from collections.abc import Iterator

import pytest
import requests

from tests.fakes.replies import Again, Reply, answers, chunk, completion, embeddings, event, says
from tests.fakes.upstream import PATIENCE_SECONDS, FakeUpstream
from tests.journeys.clients import streams
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, assistant, new_id, refusal, user
from tests.journeys.clients.openai import Chat, answer, chunks
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

MAX_ANSWER_BYTES, MAX_STREAMS = 100_000, 3
PIECE = "x" * 1_000
TOO_LONG = f"The answer is longer than {MAX_ANSWER_BYTES} bytes."
CALL = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": PIECE}}
ENDLESS = Reply((Again(event(chunk({"content": PIECE}))),))


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
        "PARLEY_API_KEY": "sk-given-by-the-operator",
        "MAX_ANSWER_BYTES": str(MAX_ANSWER_BYTES),
        "MAX_STREAMS_PER_KEY": str(MAX_STREAMS),
    }
    with Service(data_dir=tmp_path_factory.mktemp("large") / "var", env=env) as running:
        yield running


@pytest.fixture
def own_chat(own_service: Service) -> Chat:
    return Chat(own_service.base_url, own_service.api_key)


def assert_is_most_of_it(text: str) -> None:
    """Most of the allowed size: each text counts a little more than its characters."""
    assert set(text) == {"x"}
    assert MAX_ANSWER_BYTES - 3 * len(PIECE) < len(text) <= MAX_ANSWER_BYTES


@pytest.mark.parametrize("accept", ["", SSE])
def test_an_endless_answer_is_cut_and_the_thread_continues(
    accept: str, own_api: Api, upstream: FakeUpstream, own_rows: Rows
) -> None:
    thread = new_id()
    upstream.script(ENDLESS, says("Two"))

    response = own_api.ask("1", id=thread, accept=accept)
    said = streams.text(streams.events(response)) if accept else response.json()["answer"]

    assert_is_most_of_it(said)
    assert upstream.requests[0].disconnected.wait(PATIENCE_SECONDS)
    run = own_rows.run(response)
    assert (run["status"], run["error_code"], run["error_message"]) == (
        "incomplete",
        "answer_too_long",
        "The answer is longer than this service keeps.",
    )
    assert run["usage"]["source"] == "estimated"
    assert own_api.answer("2", id=thread)["answer"] == "Two"
    assert upstream.requests[1].messages == [user("1"), assistant(said), user("2")]


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_openai_family_gives_the_finish_reason_length(
    is_stream: bool, own_chat: Chat, upstream: FakeUpstream
) -> None:
    upstream.script(ENDLESS)

    response = own_chat.ask("Hello", stream=is_stream)
    choices = [found["choices"][0] for found in (chunks(response) if is_stream else [answer(response)])]

    assert choices[-1]["finish_reason"] == "length"
    parts = [choice["delta"] if is_stream else choice["message"] for choice in choices]
    assert_is_most_of_it("".join(delta.get("content") or "" for delta in parts))


def test_the_bound_holds_over_all_choices_together(own_chat: Chat, upstream: FakeUpstream) -> None:
    """A vendor that gives one answer per call, however many were requested."""
    third = says(*[PIECE] * 40)
    upstream.script(third, third, third, third)

    choices = answer(own_chat.ask("Hello", n=4))["choices"]

    assert [choice["finish_reason"] for choice in choices] == ["stop", "stop", "length"]
    assert_is_most_of_it("".join(choice["message"]["content"] for choice in choices))
    assert len(upstream.requests) == 3
    last = upstream.requests[2]
    eventually(lambda: last.disconnected.is_set() or last.finished.is_set(), bool)


@pytest.mark.parametrize(
    "reply",
    [
        Reply((Again(event(chunk({"reasoning_content": PIECE}))),)),
        Reply(
            (
                Again(
                    event(
                        chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": PIECE}}]})
                    )
                ),
            )
        ),
        answers(completion("x" * (MAX_ANSWER_BYTES + 1))),
        Reply((b'{"choices": [{"message": {"content": "', Again(PIECE.encode())), content_type="application/json"),
    ],
)
def test_an_answer_too_long_without_text_is_an_error(
    reply: Reply, own_api: Api, upstream: FakeUpstream, own_rows: Rows
) -> None:
    thread = new_id()
    upstream.script(reply, says("Two"))

    response = own_api.ask("1", id=thread)
    own_api.answer("2", id=thread)

    assert refusal(response) == (500, "chat_error", "The answer is longer than this service keeps.")
    assert own_rows.run(response)["status"] == "failed"
    assert upstream.requests[1].messages == [user("2")]


def test_vectors_are_not_counted_as_answer_bytes(own_chat: Chat, upstream: FakeUpstream) -> None:
    vector = [0.25] * 3_072
    upstream.script(answers(embeddings(*[vector] * 64)))

    body = {"model": "text-embedding-3-large", "input": ["x"] * 64, "encoding_format": "float"}
    response = own_chat.post(body, route="/v1/embeddings")

    assert [item["embedding"] for item in response.json()["data"]] == [vector] * 64


@contextlib.contextmanager
def waiting_streams(own_api: Api, count: int, upstream: FakeUpstream) -> Iterator[list[requests.Response]]:
    before = len(upstream.requests)
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(own_api.ask("slow", id=new_id(), accept=SSE, stream=True)))
            assert opened[-1].raw.read(1)
        upstream.wait_for_requests(before + count)
        yield opened


def test_a_key_has_a_limit_of_answers_it_waits_for(
    own_api: Api, own_chat: Chat, upstream: FakeUpstream, own_rows: Rows
) -> None:
    upstream.on_text("slow", says("Hel", "lo").stalled_after(2))
    with waiting_streams(own_api, MAX_STREAMS, upstream) as opened:
        before = own_rows.counts()
        refused = [own_api.ask("more"), own_api.ask("more", accept=NDJSON), own_chat.ask("more")]
        late = streams.attach(own_api, opened[0].headers["X-Run-Id"])
        task = own_api.post({"model": MODEL, "question": "Hello", "async": True})

        words = f"This key waits for {MAX_STREAMS} answers already; try again when it has one of them."
        assert [refusal(response) for response in (*refused[:2], late)] == [(429, "too_many_requests", words)] * 3
        assert refused[2].json()["error"]["code"] == "rate_limit_exceeded"
        assert [response.headers["Retry-After"] for response in (*refused, late)] == ["5"] * 4
        # A refused request stores nothing; tasks have no reader and are not counted.
        assert task.status_code == 200
        assert own_rows.counts()["run"] == before["run"] + 1
    eventually(lambda: own_api.ask("after").status_code, lambda status: status == 200)


def test_every_reader_that_leaves_frees_its_slot(own_api: Api, upstream: FakeUpstream) -> None:
    """Readers that read to the end, disconnected, were refused, or asked for an unknown run."""
    upstream.on_text("slow", says("Hel", "lo").stalled_after(2))
    thread = new_id()
    for _ in range(MAX_STREAMS + 1):
        upstream.script(says("Hi"), says("Hi"))
        eventually(lambda: own_api.ask("Hello", id=thread).status_code, lambda status: status == 200)
        assert own_api.ask("Hello", accept=SSE).content.endswith(b"[DONE]\n\n")
        with waiting_streams(own_api, 1, upstream):
            pass
        assert own_api.ask("Hello", id=thread, model="no-such-model").status_code == 400
        busy = {"X-On-Busy": "nonsense"}
        assert own_api.post({"question": "Hello", "model": "gpt-4o"}, headers=busy).status_code == 400
        assert streams.attach(own_api, "run_nobody").status_code == 404
