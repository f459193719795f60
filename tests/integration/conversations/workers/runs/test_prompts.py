"""What is sent for a turn, and what it counts for, where tool calls are out of place."""

import pytest

from conversations import errors
from conversations.rules.conversations import tool_pairs
from conversations.rules.conversations.context_window import HistoryItem
from conversations.services.runs.records import PromptInputs
from conversations.workers.runs import prompts
from conversations.workers.runs.history import History
from providers import tokens
from providers.catalog import Target
from providers.messages import ChatRequest, Message, Role, TextPart, ToolCallPart, ToolResultPart

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
    # Of no history there is nothing but the opening of the reply.
    assert prompt.estimated_tokens == tokens.estimate_messages(tuple(sent(prompt))) + tokens.estimate_messages(())


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
