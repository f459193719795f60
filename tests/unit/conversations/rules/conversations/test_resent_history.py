import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.rules.conversations import resent_history
from conversations.rules.conversations.resent_history import content_key, digest
from providers import serialization
from providers.messages import (
    AudioPart,
    FilePart,
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


def user(text: str) -> Message:
    return Message(Role.USER, (TextPart(text),))


def assistant(text: str) -> Message:
    return Message(Role.ASSISTANT, (TextPart(text),))


THREAD = (user("a"), assistant("A"), user("b"), assistant("B"))


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
    assert digest(Message(Role.ASSISTANT, parts)) == digest(Message(Role.ASSISTANT, same))


@pytest.mark.parametrize(
    ("parts", "other"),
    [
        ((TextPart("A"),), (TextPart("a"),)),
        ((TextPart("A"), ImagePart("https://example.com/1")), (TextPart("A"), ImagePart("https://example.com/2"))),
        ((ToolCallPart("call_1", "f", "{}"),), (ToolCallPart("call_1", "f", '{"a": 1}'),)),
        ((ToolCallPart("call_1", "f", "{}"),), (ToolCallPart("call_", "1f", "{}"),)),
        ((ToolResultPart("call_1", (TextPart("1"),)),), (ToolResultPart("call_1", (TextPart("2"),)),)),
        ((ImagePart("A"),), (RefusalPart("A"),)),
        ((ImagePart('A"],["image","B'),), (ImagePart("A"), ImagePart("B"))),
    ],
)
def test_what_says_something_else_is_another_message(parts: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert digest(Message(Role.USER, parts)) != digest(Message(Role.USER, other))


def test_a_question_and_an_answer_of_the_same_words_differ() -> None:
    assert digest(user("A")) != digest(assistant("A"))


def test_a_developer_message_is_a_system_message() -> None:
    assert digest(Message(Role.DEVELOPER, (TextPart("A"),))) == digest(Message(Role.SYSTEM, (TextPart("A"),)))


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (user("Hi"), "34dd43013b8a7026d2cbafa2badb80e2"),
        (user('\x01\x7f\n"\\ é 问 🙂\u2028 ?'), "bc0d51a29e3c6d3925c879f8f5f9efdc"),
        (Message(Role.ASSISTANT, ()), "3a21a7b8f536703f852683283163b2ef"),
        (
            Message(Role.ASSISTANT, (ToolCallPart("call_1", "f", '{"a": 1}'), RefusalPart("no"), ReasoningPart("hm"))),
            "13f75fd2820e352a956fb86e780d6c5f",
        ),
        (
            Message(Role.TOOL, (ToolResultPart("call_1", (TextPart("1"), ImagePart("https://example.com/1"))),)),
            "38bbbeb77bb9e31b52318b1ff1e3dcee",
        ),
        (
            Message(Role.USER, (AudioPart(data="AAAA"), AudioPart(), FilePart(url="https://a/1"))),
            "4d296f2e410c32949dc239188bc12df0",
        ),
    ],
)
def test_a_digest_is_the_same_in_every_release(message: Message, stored: str) -> None:
    """Stored messages have theirs already: another one would make them unknown."""
    assert digest(message).hex() == stored


words = st.text(st.characters(codec="utf-8"), max_size=6)
contents = st.lists(
    st.builds(TextPart, words)
    | st.builds(ImagePart, words)
    | st.builds(RefusalPart, words)
    | st.builds(AudioPart, data=words)
    | st.builds(FilePart, url=words)
    | st.builds(ToolCallPart, words, words, words)
    | st.builds(ToolResultPart, words, st.builds(TextPart, words).map(lambda part: (part,))),
    max_size=3,
).map(tuple)
said = st.builds(Message, st.sampled_from(Role), contents)


@given(said)
def test_a_message_that_was_stored_and_read_again_has_the_same_digest(message: Message) -> None:
    again = serialization.load_message(serialization.dump_message(message))

    assert digest(again) == digest(message)


@given(said, said)
def test_two_digests_are_equal_when_the_contents_are(message: Message, other: Message) -> None:
    assert (digest(message) == digest(other)) == (content_key(message) == content_key(other))


@pytest.mark.parametrize(
    ("sent", "matched", "new"),
    [
        (THREAD, 4, 4),
        (THREAD, 3, 3),
        (THREAD[:3], 3, 2),
        ([user("a"), user("b")], 2, 0),
        ([user("a"), user("b")], 1, 1),
        ([assistant("A"), user("a"), user("b")], 3, 1),
    ],
)
def test_a_question_that_all_ends_in_is_new(sent: list[Message], matched: int, new: int) -> None:
    assert resent_history.first_new(sent, matched=matched) == new


@pytest.mark.parametrize(
    ("sent", "path", "known"),
    [
        (THREAD[2:], THREAD, 2),
        ((*THREAD[2:], user("c")), THREAD, 2),
        ((user("b"), user("c")), THREAD[:3], 0),
        ((user("b"), user("c"), user("d")), (user("a"), user("b"), user("c")), 0),
        ((assistant("B"), user("c")), THREAD, 0),
        (THREAD, (), 0),
    ],
)
def test_an_end_with_an_answer_is_known_by_two_messages_at_least(
    sent: tuple[Message, ...], path: tuple[Message, ...], known: int
) -> None:
    assert resent_history.overlapping(sent, [*map(digest, sent)], [*map(digest, path)]) == known
