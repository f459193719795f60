"""Tables of what a thread holds and what of it is sent. A message is written as its role and parts, in short."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.conversations import tool_pairs
from providers.messages import (
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

ROLES = {"u": Role.USER, "a": Role.ASSISTANT, "t": Role.TOOL, "s": Role.SYSTEM}
PARTS: dict[str, Callable[[str], Part]] = {
    "?": lambda name: ToolCallPart(name, "f", "{}"),
    "=": lambda name: ToolResultPart(name, (TextPart("r"),)),
    "~": ReasoningPart,
}


def message(written: str) -> Message:
    """`a Hi ?1`: an assistant who says Hi and calls 1; `t =1`: its result; `~hm`: a thought."""
    role, *words = written.split()
    return Message(ROLES[role], tuple(part(word) for word in words))


def part(word: str) -> Part:
    make = PARTS.get(word[0])
    return make(word[1:]) if make else TextPart(word)


def messages(written: str) -> list[Message]:
    return [message(one) for one in written.split("|") if one.strip()]


def paired(history: str, new: str = "u go") -> tuple[str, str]:
    found = tool_pairs.pair(messages(history), messages(new))
    return shown(found.history), shown(found.new)


def shown(sent: tuple[Message, ...]) -> str:
    names = {role: letter for letter, role in ROLES.items()}
    return " | ".join(" ".join([names[one.role], *map(word, one.parts)]) for one in sent)


def word(of: Part) -> str:
    match of:
        case ToolCallPart(call_id=call_id):
            return f"?{call_id}"
        case ToolResultPart(call_id=call_id):
            return f"={call_id}"
        case ReasoningPart(text=text):
            return f"~{text}"
        case TextPart(text=text):
            return text
    raise TypeError(type(of))


@pytest.mark.parametrize(
    "history",
    [
        "u q | a A",
        "u q | a ?1 | t =1 | a A",
        "u q | a Hm ?1 ?2 | t =1 | t =2 | a A",
        "u q | a ?1 ?2 | t =2 | t =1 | a A",
        "u q | a ~hm ?1 | t =1 | a ~hm A",
        "u q | a ?0 | t =0 | a A | u q | a ?0 | t =0 | a B",
        "u q | a ?1 | t =1 | a ?1 | t =1 | a A",
    ],
)
def test_what_is_in_order_stays_as_it_is(history: str) -> None:
    assert paired(history) == (history, "u go")


@pytest.mark.parametrize(
    ("history", "sent"),
    [
        ("u q | a ?1", "u q"),
        ("u q | a Let-me-see ?1", "u q | a Let-me-see"),
        ("u q | a ~hm ?1", "u q"),
        ("u q | a ?1 ?2 | t =2 | a A", "u q | a ?2 | t =2 | a A"),
        ("u q | a ?1 | u q2 | a ?2 | t =2 | a A", "u q | u q2 | a ?2 | t =2 | a A"),
        # Counted from 0 in every turn: the result is the second call's.
        ("u q | a ?0 | u q2 | a ?0 | t =0 | a A", "u q | u q2 | a ?0 | t =0 | a A"),
        ("u q | a ?1 ?1 | t =1 | a A", "u q | a ?1 | t =1 | a A"),
    ],
)
def test_a_call_that_nobody_answered_is_left_out(history: str, sent: str) -> None:
    assert paired(history) == (sent, "u go")


@pytest.mark.parametrize(
    ("history", "sent"),
    [
        ("u q | a ?1 | u q2 | a A2 | t =1 | a A", "u q | a ?1 | t =1 | u q2 | a A2 | a A"),
        ("u q | a ?1 ?2 | t =1 | a A1 | t =2 | a A2", "u q | a ?1 ?2 | t =1 | t =2 | a A1 | a A2"),
        ("u q | a ?1 | u q2 =1 | a A", "u q | a ?1 | t =1 | u q2 | a A"),
        ("u q | a ?1 ?2 | u =2 =1 | a A", "u q | a ?1 ?2 | t =2 | t =1 | a A"),
        ("a ?1 | s note | t =1 | a A", "a ?1 | t =1 | s note | a A"),
    ],
)
def test_a_result_goes_to_its_place(history: str, sent: str) -> None:
    assert paired(history) == (sent, "u go")


@pytest.mark.parametrize(
    ("history", "sent"),
    [
        ("t =1 | a A", "a A"),
        ("u q | t =stray | a A", "u q | a A"),
        ("u q | a ?1 | t =1 | a A | t =1 | a B", "u q | a ?1 | t =1 | a A | a B"),
        ("t =1 | a ?1 | u q", "u q"),
        ("u q =stray | a A", "u q | a A"),
    ],
)
def test_a_result_without_a_call_or_for_one_that_has_its_own_is_left_out(history: str, sent: str) -> None:
    assert paired(history) == (sent, "u go")


def test_an_empty_text_beside_calls_goes_with_them() -> None:
    call = Message(Role.ASSISTANT, (TextPart(""), ToolCallPart("1", "f", "{}")))

    assert tool_pairs.pair([message("u q"), call], [message("u go")]).history == (message("u q"),)


def test_an_answer_of_thoughts_alone_is_left_out() -> None:
    assert paired("u q | a ~hm | u q2 | a ~hm A") == ("u q | u q2 | a ~hm A", "u go")


@pytest.mark.parametrize(
    ("history", "new", "sent"),
    [
        ("u q | a ?1", "t =1", ("u q | a ?1", "t =1")),
        ("u q | a ?1 ?2", "t =1 | u and", ("u q | a ?1", "t =1 | u and")),
        ("u q | a ?1 ?2 | t =1", "t =2", ("u q | a ?1 ?2 | t =1", "t =2")),
        ("u q | a ?1 | u q2 | a A", "t =1 | u so", ("u q | a ?1 | t =1 | u q2 | a A", "u so")),
        ("u q | a ?1 | u q2 | a A", "t =1", ("u q | a ?1 | t =1 | u q2 | a A", "")),
        ("u q | a A", "u x | a ?1 | t =1", ("u q | a A", "u x | a ?1 | t =1")),
        ("u q | a A", "t =stray | u x", ("u q | a A", "u x")),
        ("", "t =stray | u x", ("", "u x")),
    ],
)
def test_what_a_turn_brings_goes_to_its_place_too(history: str, new: str, sent: tuple[str, str]) -> None:
    assert paired(history, new) == sent
    assert tool_pairs.pair(messages(history), messages(new)).has_new


@pytest.mark.parametrize("new", ["t =stray", "a ?9", "a ~hm", "t =1"])
def test_a_turn_may_have_nothing_to_say(new: str) -> None:
    assert not tool_pairs.pair(messages("u q | a ?1 | t =1 | a A"), messages(new)).has_new


def test_what_stays_is_the_very_message_with_all_that_it_carries() -> None:
    metadata = {"fake": {"id": 1}}
    history = [
        Message(Role.USER, (TextPart("q"), ImagePart("https://example.com/a.png")), name="ann"),
        Message(Role.ASSISTANT, (ToolCallPart("1", "f", "{}", metadata), ToolCallPart("2", "f", "{}")), None, metadata),
        Message(Role.TOOL, (ToolResultPart("1", (TextPart("r"),), provider_metadata=metadata),)),
    ]

    user, assistant, tool = tool_pairs.pair(history, []).history

    assert user is history[0]
    assert tool is history[2]
    assert assistant == Message(Role.ASSISTANT, history[1].parts[:1], None, metadata)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("u Hi", True),
        ("a Hi", True),
        ("a ~hm Hi", True),
        ("a ~hm", False),
        ("a Hi ?1", False),
        ("t =1", False),
    ],
)
def test_a_message_is_plain_when_nothing_of_it_can_be_out_of_place(given: str, expected: bool) -> None:
    assert tool_pairs.is_plain(message(given)) is expected


def test_refusals_and_messages_without_parts_are_plain() -> None:
    assert tool_pairs.is_plain(Message(Role.ASSISTANT, (RefusalPart("no"),)))
    assert tool_pairs.is_plain(Message(Role.ASSISTANT, ()))
    assert tool_pairs.pair([Message(Role.ASSISTANT, ())], []).history == (Message(Role.ASSISTANT, ()),)


WORDS = st.sampled_from(["?0", "?1", "?2", "=0", "=1", "=2", "~hm", "word"])
THREADS = st.lists(st.tuples(st.sampled_from("uat"), st.lists(WORDS, min_size=1, max_size=4)), max_size=12).map(
    lambda rows: [message(" ".join([role, *words])) for role, words in rows]
)


@given(THREADS, THREADS)
def test_what_is_sent_is_always_valid(history: list[Message], new: list[Message]) -> None:
    found = tool_pairs.pair(history, new)
    sent = [*found.history, *found.new]

    open_calls: list[str] = []
    for one in sent:
        results = [part.call_id for part in one.parts if isinstance(part, ToolResultPart)]
        if not results:
            assert open_calls == []
        for call_id in results:
            open_calls.remove(call_id)
        open_calls += [part.call_id for part in one.parts if isinstance(part, ToolCallPart)]
    assert open_calls == []
    assert all(one.parts for one in sent)
    again = tool_pairs.pair(found.history, found.new)
    assert (again.history, again.new) == (found.history, found.new)
