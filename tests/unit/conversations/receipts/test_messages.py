"""Which messages were sent, and why the others were not."""

from conversations.receipts.messages import Line, arranged, unread
from conversations.values.context.receipts import KeptContext, Trimmed
from providers.messages import Message, Part, Role, TextPart, ToolCallPart, ToolResultPart

TEXT = TextPart("")


def line(name: str, role: Role, *parts: Part) -> Line:
    return Line(name, 5, Message(role, parts or (TEXT,)))


def turns(count: int) -> list[Line]:
    return [line(f"{number}", Role.USER if number % 2 == 0 else Role.ASSISTANT) for number in range(2 * count)]


QUESTION = line("question", Role.USER)
CALL, RESULT = ToolCallPart("one", "weather", "{}"), ToolResultPart("one", (TEXT,))


def shown(
    history: list[Line], *own: Line, kept: KeptContext | None = None, first: int = 0
) -> list[tuple[str | None, int | None, str | None]]:
    """Id, position and why not, of each."""
    left = max(0, len(history) - kept.read) if kept else 0
    found = [*unread(history[:left], why=Trimmed.WINDOW), *arranged(history[left:], own, first=first, kept=kept)]
    entries = [entry.shown for entry in found]
    return [(one.id, one.position, one.trimmed and one.trimmed.value) for one in entries]


def cut(read: int, dropped: int, before: int | None = None) -> KeptContext:
    return KeptContext(read=read, dropped=dropped, window=100, tokens={}, dropped_before=before)


def test_sends_everything_after_the_preset() -> None:
    assert shown(turns(1), QUESTION, first=1) == [("0", 1, None), ("1", 2, None), ("question", 3, None)]


def test_tells_what_was_not_read_and_left_out_and_shrunk() -> None:
    assert shown(turns(4), QUESTION, kept=cut(6, 4, before=2)) == [
        ("0", None, "window"),
        ("1", None, "window"),
        ("2", None, "window"),
        ("3", None, "window"),
        ("4", None, "shrunk"),
        ("5", None, "shrunk"),
        ("6", 0, None),
        ("7", 1, None),
        ("question", 2, None),
    ]


def test_knows_that_fewer_are_listed_than_were_read() -> None:
    assert shown(turns(2), QUESTION, kept=cut(10, 8)) == [
        ("0", None, "window"),
        ("1", None, "window"),
        ("2", 0, None),
        ("3", 1, None),
        ("question", 2, None),
    ]


def test_puts_results_behind_their_calls_and_leaves_out_what_has_no_pair() -> None:
    history = [
        line("asks", Role.USER),
        line("calls", Role.ASSISTANT, CALL),
        line("again", Role.USER),
        line("stray", Role.TOOL, ToolResultPart("two", (TEXT,))),
    ]

    assert shown(history, line("late", Role.TOOL, RESULT), QUESTION) == [
        ("asks", 0, None),
        ("calls", 1, None),
        ("late", 2, None),
        ("again", 3, None),
        ("stray", None, "tool_pairing"),
        ("question", 4, None),
    ]


def test_says_that_an_unanswered_call_was_left_out_of_its_message() -> None:
    history = [line("calls", Role.ASSISTANT, CALL, ToolCallPart("two", "weather", "{}"))]

    (first, *_) = arranged(history, [line("answers", Role.TOOL, RESULT)], first=0)

    assert (first.shown.is_partial, first.shown.position, first.shown.trimmed) == (True, 0, "tool_pairing")


def test_leaves_the_callers_own_messages_as_they_are_without_a_history() -> None:
    assert shown([], line("stray", Role.TOOL, RESULT), QUESTION) == [("stray", 0, None), ("question", 1, None)]
