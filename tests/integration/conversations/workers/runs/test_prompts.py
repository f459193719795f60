"""What is sent for a turn, and what it counts for, where tool calls are out of place."""

from typing import Any

import pytest

from conversations import errors
from conversations.rules.conversations import tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.services.runs.records import PromptInputs
from conversations.values.context.sources import Attachment, Gathered, Passage, Source, SourceKind
from conversations.workers.runs import prompts
from conversations.workers.runs.history import History
from providers import tokens
from providers.catalog import Inputs, Target
from providers.messages import ChatRequest, FilePart, Message, Role, TextPart, ToolCallPart, ToolResultPart

CALL = Message(Role.ASSISTANT, (ToolCallPart("1", "weather", "{}"),))
RESULT = Message(Role.TOOL, (ToolResultPart("1", (TextPart("sunny"),)),))
FILLER = "word " * 1000


def user(text: str) -> Message:
    return Message(Role.USER, (TextPart(text),))


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, (TextPart(text),))


def history(*messages: Message) -> History:
    items = tuple(HistoryItem.of(message, tokens=tokens.estimate_message(message)) for message in messages)
    return History(messages=messages, items=items, is_plain=all(map(tool_pairs.is_plain, messages)))


def built(before: History, *new: Message, window: int = 100_000) -> prompts.Prompt:
    target = Target("fake", "Fake", "openai", "http://fake", "fake-model", context_window=window)
    return prompts.build(inputs=PromptInputs(messages=new, options={}), history=before, preset_text="", target=target)


def sent(prompt: prompts.Prompt) -> list[Message]:
    assert isinstance(prompt.request, ChatRequest)
    return list(prompt.request.messages)


def test_counts_what_is_sent_and_nothing_that_is_not() -> None:
    prompt = built(history(user("q"), CALL, user("q2"), assistant("A")), user("go"))

    assert sent(prompt) == [user("q"), user("q2"), assistant("A"), user("go")]
    # With the beginning of the reply, once: answers that are stopped are billed by it.
    assert prompt.estimated_tokens == tokens.estimate_messages(tuple(sent(prompt)))


def test_a_turn_of_a_late_result_alone_keeps_all_since_its_call() -> None:
    before = history(user(FILLER), assistant(FILLER), user("q"), CALL, user(FILLER), assistant(FILLER))

    prompt = built(before, RESULT, window=1000)

    assert sent(prompt) == [user("q"), CALL, RESULT, user(FILLER), assistant(FILLER)]


def test_a_late_result_beside_a_question_goes_with_its_turn() -> None:
    before = history(user("q"), CALL, user(FILLER), assistant(FILLER), user("q2"), assistant("A2"))

    assert sent(built(before, RESULT, user("go"), window=1000)) == [user("q2"), assistant("A2"), user("go")]


def test_a_result_that_comes_in_time_keeps_its_turn() -> None:
    before = history(user(FILLER), assistant("A"), user(FILLER), CALL)

    assert sent(built(before, RESULT, window=1000)) == [user(FILLER), CALL, RESULT]


def test_a_result_whose_call_was_not_even_read_is_an_error_alone() -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        built(history(user("q"), assistant("A")), RESULT)

    assert refused.value.param == "messages"


def test_a_request_without_a_history_goes_as_it_is() -> None:
    assert sent(built(History(), RESULT, user("go"), CALL)) == [RESULT, user("go"), CALL]


@pytest.mark.parametrize(
    ("gathered", "options"),
    [
        (None, {"seed": 1, "web_search_options": {}}),
        (Gathered(), {"seed": 1, "web_search_options": {}}),
        (Gathered(has_searched=True), {"seed": 1}),
    ],
)
def test_a_vendor_is_not_asked_to_search_where_we_have(gathered: Gathered | None, options: dict[str, Any]) -> None:
    inputs = PromptInputs(messages=(user("go"),), options={"seed": 1, "web_search_options": {}})
    target = Target("fake", "Fake", "openai", "http://fake", "fake-model")

    prompt = prompts.build(inputs=inputs, history=History(), preset_text="", target=target, gathered=gathered)

    assert prompt.request.options == options


def test_the_schemas_of_tools_are_counted_and_take_room() -> None:
    tool = {"type": "function", "function": {"name": "look", "description": FILLER}}
    before = history(user("q"), assistant("A"), user("q2"), assistant(FILLER))
    target = Target("fake", "Fake", "openai", "http://fake", "fake-model", context_window=3_000)
    options = {"max_tokens": 100}

    with_tool, without = (
        prompts.build(
            inputs=PromptInputs(messages=(user("go"),), options=given), history=before, preset_text="", target=target
        )
        for given in ({**options, "tools": [tool] * 2}, options)
    )

    assert (with_tool.dropped, without.dropped) == (4, 0)
    assert with_tool.declared_tokens > 2_000
    assert with_tool.estimated_tokens == tokens.estimate_messages((user("go"),)) + with_tool.declared_tokens
    assert without.declared_tokens == 0


def passages(text: str) -> tuple[Passage, ...]:
    return (Passage(text, 0, len(text), score=1.0, tokens=tokens.estimate_text(text)),)


def test_sources_keep_the_numbers_that_the_model_has_seen() -> None:
    """A target that is asked later has a smaller window, and does not take the file that the first one took."""
    part = FilePart(url="https://files.example/a", filename="a.txt")
    file = Source(SourceKind.REFERENCE, "ab", "a.txt", passages=passages("In the file."))
    long = Source(SourceKind.KNOWLEDGE, "doc_1", "Long", passages=passages(FILLER * 3))
    short = Source(SourceKind.KNOWLEDGE, "doc_2", "Short", passages=passages("Briefly."))
    gathered = Gathered((file, long, short), attachments=(Attachment(part, "a.txt", source="ab"),), shown=(long, short))
    question = Message(Role.USER, (part, TextPart("Well?")))
    target = Target("fake", "Fake", "openai", "http://fake", "fake-model", context_window=3_000, inputs=Inputs())

    prompt = prompts.build(
        inputs=PromptInputs(messages=(question,), options={}),
        history=history(),
        preset_text="",
        target=target,
        gathered=gathered,
    )

    assert [(one.id, len(one.passages)) for one in prompt.sources] == [("doc_1", 0), ("doc_2", 1), ("ab", 1)]
    said = "".join(part.text for part in sent(prompt)[-1].parts if isinstance(part, TextPart))
    assert "[1]» Long\n(The text of this source cannot be shown any more.)" in said
    assert "It is source 3" in said
