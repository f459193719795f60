from conversations.rules.runs import tool_limits
from conversations.rules.runs.tool_limits import CUT, Fitted, Limits
from providers import tokens
from providers.messages import Message, Role, TextPart, ToolCallPart, ToolResultPart

CALL = Message(Role.ASSISTANT, (ToolCallPart("1", "f", "{}"),))


def result(text: str) -> Message:
    return Message(Role.TOOL, (ToolResultPart("1", (TextPart(text),)),))


def text_of(message: Message) -> str:
    (part,) = message.parts
    assert isinstance(part, ToolResultPart)
    (text,) = part.parts
    assert isinstance(text, TextPart)
    return text.text


def test_says_which_limit_is_reached_first() -> None:
    limits = Limits(steps=2, calls=3, seconds=10.0)

    assert limits.reached(steps=1, calls=2, seconds=9.9) is None
    assert limits.reached(steps=2, calls=3, seconds=10.0) == "the limit of 2 steps with tools is reached"
    assert limits.reached(steps=1, calls=3, seconds=10.0) == "the limit of 3 tool calls is reached"
    assert limits.reached(steps=1, calls=2, seconds=10.0) == "the limit of 10 seconds with tools is reached"


def test_results_that_fit_stay_as_they_are() -> None:
    messages = (CALL, result("word " * 50))

    assert tool_limits.fitted(messages, room=1_000) == Fitted(messages)


def test_the_longest_results_are_cut_and_short_ones_stay() -> None:
    messages = (CALL, result("short"), result("word " * 4_000), result("word " * 2_000))

    found = tool_limits.fitted(messages, room=1_000)

    fitted = found.messages
    assert tool_limits.cut(messages, found.most) == fitted
    assert fitted[:2] == messages[:2]
    assert all(text_of(message).endswith(CUT) for message in fitted[2:])
    # The marks are not counted.
    assert tokens.estimate_messages(fitted) <= 1_000 + 2 * tokens.estimate_text(CUT)


def test_without_any_room_every_result_is_cut_to_its_mark() -> None:
    _, cut = tool_limits.fitted((CALL, result("word " * 100)), room=-5).messages

    assert text_of(cut) == CUT
