from dataclasses import replace

import pytest

from providers import vectors
from providers.assembly import Assembler
from providers.echo import feature_hashing
from providers.echo.call import Directive, EchoCall, read_directive
from providers.errors import CallAborted, UpstreamRejected
from providers.events import CallStarted, ChoiceFinished, EmbeddingMade, TextDelta, UsageReported
from providers.messages import ChatRequest, CompletionRequest, EmbeddingRequest, Message, Request, Role, TextPart, Usage


def asking(*texts: str) -> ChatRequest:
    return ChatRequest("echo", tuple(Message(Role.USER, (TextPart(text),)) for text in texts))


def text_of(request: Request) -> str:
    return "".join(event.text for event in EchoCall(request) if isinstance(event, TextDelta))


def test_says_what_it_received_and_how_many_messages() -> None:
    assert text_of(asking("Hi", "你好")) == "[echo] Received 2 messages. The last question: 你好"
    assert text_of(asking("Hi")) == "[echo] Received 1 message. The last question: Hi"


def test_survives_a_request_without_messages() -> None:
    assert text_of(asking()) == "[echo] Received 0 messages. The last question: "


def test_streams_in_several_chunks_and_reports_an_estimate() -> None:
    first, *deltas, finish, usage = list(EchoCall(asking("Hello there")))

    assert first == CallStarted(model="echo")
    assert len(deltas) == 5
    assert finish == ChoiceFinished("stop")
    assert isinstance(usage, UsageReported)
    assert usage.usage == Usage(10, 14, source="estimated")


def test_repeats_each_prompt_as_often_as_asked() -> None:
    request = CompletionRequest("echo", ("Once", (1, 2, 3)), {"n": 2})
    assembler = Assembler()
    for event in EchoCall(request):
        assembler.add(event)

    texts = [answer.text for answer in assembler.answers()]
    assert texts == ["[echo] Once", "[echo] Once", "[echo] 3 tokens", "[echo] 3 tokens"]
    assert [answer.finish_reason for answer in assembler.answers()] == ["stop"] * 4
    assert assembler.usage == Usage(4, 16, source="estimated")


def test_says_the_prompt_before_its_answer_when_asked_to() -> None:
    assert text_of(CompletionRequest("echo", ("Once ",), {"echo": True})) == "Once [echo] Once "


def test_makes_a_vector_of_every_input() -> None:
    started, first, second, usage = list(EchoCall(EmbeddingRequest("echo", ("a", (1, 2)), {"dimensions": 3})))

    assert started == CallStarted(model="echo")
    assert (first, second) == (
        EmbeddingMade(vectors.pack(feature_hashing.vector("a", dimensions=3)), 0),
        EmbeddingMade(vectors.pack(feature_hashing.vector((1, 2), dimensions=3)), 1),
    )
    assert usage == UsageReported(Usage(3, 0, source="estimated"))


@pytest.mark.parametrize(("asked", "made"), [({}, 256), ({"dimensions": None}, 256), ({"dimensions": 10**9}, 4096)])
def test_makes_vectors_of_a_bounded_size(asked: dict[str, int], made: int) -> None:
    (vector,) = [
        event for event in EchoCall(EmbeddingRequest("echo", ("a",), asked)) if isinstance(event, EmbeddingMade)
    ]

    assert len(vectors.unpack(vector.data)) == made


def test_makes_no_http_call() -> None:
    call = EchoCall(asking("Hi"))
    list(call)

    assert (call.http_calls, call.request_id) == (0, None)


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("/echo delay=0.05 length=200\nHi", Directive("Hi", 0.05, 200)),
        ("/echo length=5", Directive("", 0.0, 5)),
        ("/echo\nHi", Directive("Hi")),
        ("/echo delay=999 length=999999999\nx", Directive("x", 10.0, 100_000)),
        ("/echo length=1.2.3\nx", Directive("x", 0.0, 0)),
        ("/echoes\nHi", Directive("/echoes\nHi")),
        ("/echo colour=red\nHi", Directive("/echo colour=red\nHi")),
        ("please /echo length=5", Directive("please /echo length=5")),
    ],
)
def test_reads_a_directive_only_in_its_documented_form(text: str, directive: Directive) -> None:
    assert read_directive(text) == directive


BIG = "x" * 2_000_000


@pytest.mark.parametrize(
    ("request_", "choices"),
    [
        (asking(BIG), 1),
        (replace(asking(BIG), options={"n": 128}), 128),
        (replace(asking("/echo length=100000\nHi"), options={"n": 128}), 128),
        (CompletionRequest("echo", (BIG,), {"n": 128, "echo": True}), 128),
        (CompletionRequest("echo", (BIG, *["x"] * 15), {"n": 128, "echo": True}), 2_048),
        (CompletionRequest("echo", ("/echo length=100000\n",) * 2_048, {}), 2_048),
    ],
)
def test_limits_the_text_of_all_choices_together(request_: ChatRequest | CompletionRequest, choices: int) -> None:
    deltas = [event for event in EchoCall(request_) if isinstance(event, TextDelta)]

    assert {delta.choice for delta in deltas} == set(range(choices))
    assert sum(len(delta.text) for delta in deltas) <= 1_000_000
    assert len(deltas) <= 4_000


@pytest.mark.parametrize(
    ("inputs", "dimensions", "problem"),
    [
        (("x" * 300_001,), 8, "reads at most 300000"),
        ((tuple([1] * 150_001),) * 2, 8, "reads at most 300000"),
        (("x",) * 1_001, 1_000, "makes at most 1000000 numbers"),
    ],
)
def test_refuses_more_inputs_than_it_can_read(
    inputs: tuple[str | tuple[int, ...], ...], dimensions: int, problem: str
) -> None:
    with pytest.raises(UpstreamRejected, match=problem):
        list(EchoCall(EmbeddingRequest("echo", inputs, {"dimensions": dimensions})))


@pytest.mark.parametrize("length", [0, 1, 10, 5000])
def test_answers_in_exactly_the_length_asked_for(length: int) -> None:
    assert len(text_of(asking(f"/echo length={length}\nHi"))) == length


def test_ends_at_once_when_aborted() -> None:
    with EchoCall(asking("/echo delay=10\nHi")) as call:
        events = iter(call)
        assert next(events) == CallStarted(model="echo")
        call.abort()

        with pytest.raises(CallAborted):
            next(events)


def test_does_not_begin_after_an_abort() -> None:
    call = EchoCall(asking("Hi"))
    call.abort()

    with pytest.raises(CallAborted):
        list(call)
