import pytest

from conversations.errors import ContentFiltered, UpstreamFailed
from conversations.rules.runs.wordless_answers import failure
from providers.assembly import Answer
from providers.messages import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart

CALL = ToolCallPart("call_1", "weather", "{}")
THOUGHT = ReasoningPart("Hm.")


def answer(*parts: Part, finish: str | None = "stop") -> Answer:
    return Answer(0, parts, finish)


@pytest.mark.parametrize(
    "given",
    [
        answer(TextPart("Hi")),
        answer(TextPart("Once upon"), finish="content_filter"),
        answer(RefusalPart("No.")),
        answer(CALL, finish="tool_calls"),
        answer(THOUGHT, CALL, finish="content_filter"),
    ],
)
def test_whatever_has_content_is_an_answer(given: Answer) -> None:
    assert failure(given, needs_words=True) is None


@pytest.mark.parametrize("word", ["content_filter", "CONTENT_FILTER", "sensitive", "SAFETY"])
@pytest.mark.parametrize("parts", [(), (THOUGHT,)])
def test_a_filtered_answer_without_a_word_was_withheld(parts: tuple[Part, ...], word: str) -> None:
    assert isinstance(failure(answer(*parts, finish=word), needs_words=True), ContentFiltered)


@pytest.mark.parametrize("word", ["stop", "length", "tool_calls", "unheard_of", None])
@pytest.mark.parametrize("parts", [(), (THOUGHT,)])
def test_an_answer_without_a_word_is_a_failure_of_the_model(parts: tuple[Part, ...], word: str | None) -> None:
    assert isinstance(failure(answer(*parts, finish=word), needs_words=True), UpstreamFailed)


@pytest.mark.parametrize("word", ["stop", "content_filter", None])
def test_openais_family_says_itself_why_there_is_nothing(word: str | None) -> None:
    assert failure(answer(finish=word), needs_words=False) is None
