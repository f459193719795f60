import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.conversations.resent_history import Continuation, KnownMessage, content_key, recognise
from providers.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


def user(text: str) -> Message:
    return Message(Role.USER, (TextPart(text),))


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, (TextPart(text),))


def chain(*messages: Message, first: int = 1, parent: int | None = None) -> list[KnownMessage]:
    """Each message the child of the one before; their keys count up from `first`."""
    parents = [parent, *range(first, first + len(messages) - 1)]
    return [KnownMessage(first + place, parents[place], message) for place, message in enumerate(messages)]


THREAD = (user("a"), assistant("A"), user("b"), assistant("B"))
KNOWN = chain(*THREAD)
HEAD = 4


def test_everything_is_new_in_an_empty_conversation() -> None:
    assert recognise([*THREAD, user("c")], known=[], head=None) == Continuation(0)


def test_a_single_new_message_goes_to_the_head() -> None:
    assert recognise([user("c")], known=KNOWN, head=HEAD) == Continuation(0)


def test_a_repeated_history_leaves_what_follows_it() -> None:
    assert recognise([*THREAD, user("c")], known=KNOWN, head=HEAD) == Continuation(4)


def test_the_first_question_said_again_is_said_again() -> None:
    assert recognise([user("a")], known=KNOWN, head=HEAD) == Continuation(0)


def test_an_edited_question_branches_where_it_differs() -> None:
    assert recognise([*THREAD[:2], user("b, edited")], known=KNOWN, head=HEAD) == Continuation(2, after=2)


def test_a_known_history_that_ends_in_a_question_asks_it_again() -> None:
    assert recognise(THREAD[:3], known=KNOWN, head=HEAD) == Continuation(2, after=2)


def test_a_history_that_ends_in_its_known_answer_holds_nothing_new() -> None:
    assert recognise(THREAD, known=KNOWN, head=HEAD) == Continuation(4)


def test_a_question_that_failed_before_is_asked_again_after_the_head() -> None:
    known = [*KNOWN, *chain(user("c"), first=5, parent=4)]

    assert recognise([*THREAD, user("c")], known=known, head=HEAD) == Continuation(4)


def test_a_history_on_another_branch_goes_on_there() -> None:
    known = [*KNOWN, *chain(user("b2"), assistant("B2"), first=5, parent=2)]

    found = recognise([*THREAD, user("c")], known=known, head=6)

    assert found == Continuation(4, after=4)


def test_another_choice_of_the_same_turn_goes_on_from_that_choice() -> None:
    known = [*chain(user("a"), assistant("A")), KnownMessage(3, 1, assistant("A, otherwise"))]

    assert recognise([user("a"), assistant("A, otherwise"), user("b")], known=known, head=2) == Continuation(2, after=3)


def test_an_answer_reached_through_either_of_two_equal_questions_is_found() -> None:
    known = [KnownMessage(1, None, user("a")), *chain(user("a"), assistant("A"), first=2)]

    assert recognise([user("a"), assistant("A"), user("b")], known=known, head=3) == Continuation(2)


def test_a_history_without_its_beginning_is_recognised_by_how_the_conversation_ends() -> None:
    assert recognise([*THREAD[2:], user("c")], known=KNOWN, head=HEAD) == Continuation(2)


def test_a_question_alone_is_no_end_of_a_history() -> None:
    known = chain(user("a"), assistant("A"), user("b"))

    assert recognise([user("b"), user("c")], known=known, head=3) == Continuation(0)


@pytest.mark.parametrize(
    ("parts", "same"),
    [
        ((TextPart("A"),), (TextPart(" A\n"),)),
        ((TextPart("AB"),), (TextPart("A"), TextPart("B"))),
        ((ReasoningPart("hm"), TextPart("A")), (TextPart("A"),)),
        ((TextPart("A", {"openai": {"x": 1}}),), (TextPart("A"),)),
        ((AudioPart(data="AAAA", audio_id="audio_1", transcript="A"),), (AudioPart(audio_id="audio_1"),)),
        ((ToolCallPart("call_1", "f", "{}", {"openai": {}}),), (ToolCallPart("call_1", "f", "{}"),)),
    ],
)
def test_what_callers_change_in_an_answer_they_repeat_does_not_matter(
    parts: tuple[Part, ...], same: tuple[Part, ...]
) -> None:
    assert content_key(Message(Role.ASSISTANT, parts)) == content_key(Message(Role.ASSISTANT, same))


@pytest.mark.parametrize(
    ("parts", "other"),
    [
        ((TextPart("A"),), (TextPart("a"),)),
        ((TextPart("A"), ImagePart("https://example.com/1")), (TextPart("A"), ImagePart("https://example.com/2"))),
        ((ToolCallPart("call_1", "f", "{}"),), (ToolCallPart("call_1", "f", '{"a": 1}'),)),
        ((ToolResultPart("call_1", (TextPart("1"),)),), (ToolResultPart("call_1", (TextPart("2"),)),)),
    ],
)
def test_what_says_something_else_is_another_message(parts: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert content_key(Message(Role.USER, parts)) != content_key(Message(Role.USER, other))


def test_a_developer_message_is_a_system_message() -> None:
    assert content_key(Message(Role.DEVELOPER, (TextPart("A"),))) == content_key(Message(Role.SYSTEM, (TextPart("A"),)))


texts = st.sampled_from(["", "a", "b"])
turns = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


@given(turns, texts)
def test_a_client_that_repeats_everything_never_adds_more_than_its_question(
    said: list[tuple[str, str]], question: str
) -> None:
    thread = [message for ask, answer in said for message in (user(ask), assistant(answer))]

    found = recognise([*thread, user(question)], known=chain(*thread), head=len(thread))

    assert found == Continuation(len(thread))


@given(turns, turns)
def test_what_is_recognised_is_on_the_way_to_where_the_new_messages_go(
    said: list[tuple[str, str]], sent: list[tuple[str, str]]
) -> None:
    thread = [message for ask, answer in said for message in (user(ask), assistant(answer))]
    messages = [message for ask, answer in sent for message in (user(ask), assistant(answer))]

    found = recognise(messages, known=chain(*thread), head=len(thread))

    end = len(thread) if found.after is None else found.after
    recognised = [content_key(message) for message in messages[: found.new_from]]
    assert recognised == [content_key(message) for message in thread[:end]][end - found.new_from :]
