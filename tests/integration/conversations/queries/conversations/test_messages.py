"""The messages of a conversation: both ways, on all branches, and no page larger than it may be."""

from typing import Any

import pytest

from conversations import errors
from conversations.models import Account, Conversation, Message, Reference
from conversations.queries.conversations import excerpts, listed, messages
from conversations.queries.conversations.messages import Between, MessagePage
from conversations.values.requests import ReferenceGiven, ReferenceKind
from providers.messages import Message as SaidValue
from providers.messages import Role, TextPart
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


def page(*, conversation: int | None = None, limit: int = 100, said_alone: bool = False, **between: Any) -> MessagePage:
    key = conversation or Conversation.objects.get().pk
    return messages.page(conversation=key, between=Between(**between), limit=limit, said_alone=said_alone)


def texts(found: MessagePage) -> list[str]:
    return [one.message.parts[0]["text"] for one in found.rows]


@pytest.fixture
def thread(ann: Account) -> list[str]:
    """The ids of its messages."""
    for number in (1, 2):
        builders.runs.answered(ann, f"q{number}", f"a{number}")
    return list(Message.objects.order_by("pk").values_list("public_id", flat=True))


def test_pages_go_both_ways(thread: list[str]) -> None:
    newest = page(limit=3)
    oldest = page(limit=3, oldest_first=True)

    assert texts(newest) == ["a2", "q2", "a1"]
    assert texts(page(limit=3, before=newest.next_cursor)) == ["q1"]
    assert texts(oldest) == ["q1", "a1", "q2"]
    assert texts(page(limit=3, after=oldest.next_cursor, oldest_first=True)) == ["a2"]
    assert texts(page(after=thread[0], before=thread[3])) == ["q2", "a1"]
    assert page(after=thread[3]).rows == []


@pytest.mark.parametrize("parameter", ["before", "after"])
@pytest.mark.usefixtures("thread")
def test_begins_at_its_own_messages_alone(ann: Account, parameter: str) -> None:
    here = Conversation.objects.get().pk
    builders.runs.answered(ann, "elsewhere", "there", conversation_id="other")
    foreign = Message.objects.filter(conversation__public_id="other").values_list("public_id", flat=True)[0]

    for given in (foreign, "msg_0", ""):
        between: dict[str, Any] = {parameter: given}
        with pytest.raises(errors.InvalidRequest) as refused:
            page(conversation=here, **between)
        assert refused.value.param == parameter


def test_says_what_follows_what_and_where_it_branches(ann: Account) -> None:
    builders.runs.answered(ann, "q1", "a1")
    resent = (SaidValue(Role.USER, (TextPart("q1"),)), SaidValue(Role.ASSISTANT, (TextPart("a1"),)))
    for question in ("left", "right"):
        builders.runs.answered(ann, said=(*resent, SaidValue(Role.USER, (TextPart(question),))))

    rows = {one.message.parts[0]["text"]: one for one in page().rows if one.message.role == "user"}

    assert {text: one.siblings for text, one in rows.items()} == {"q1": 1, "left": 2, "right": 2}
    assert rows["left"].message.parent == rows["right"].message.parent
    assert rows["q1"].message.parent is None


def test_what_came_with_a_question_stands_with_it(ann: Account) -> None:
    builders.runs.answered(ann, "q1", "a1", references=(ReferenceGiven(ReferenceKind.TEXT, "x" * 1_000),))

    answer, question = page().rows

    assert [vars(one)["beginning"] for one in question.references] == ["x" * 300]
    assert (answer.references, answer.is_answer, question.is_answer) == ((), True, False)
    assert Reference.objects.count() == 1


def test_a_page_ends_where_its_messages_have_too_many_bytes(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BYTES_MAX", 1_000)
    for number in range(3):
        builders.runs.answered(ann, f"q{number}", "x" * 2_000)

    found = page()

    assert len(found.rows) == 1
    assert texts(page(before=found.next_cursor))[:1] == ["q2"]


def test_those_of_tools_are_left_out_where_what_was_said_alone_is_wanted(ann: Account) -> None:
    said = (SaidValue(Role.SYSTEM, (TextPart("rules"),)), SaidValue(Role.USER, (TextPart("q"),)))
    builders.runs.answered(ann, said=said)

    assert texts(page(said_alone=True)) == ["Hi.", "q"]
    assert texts(page()) == ["Hi.", "q", "rules"]


def test_a_list_shows_how_a_conversation_begins_and_ends(ann: Account) -> None:
    builders.runs.answered(ann, "First  question", "First answer")
    builders.runs.answered(ann, "Second question", "Second answer")

    (found,) = listed.load([Conversation.objects.get().pk], account_id=ann.pk)

    assert (found.excerpt.title, found.excerpt.preview, found.excerpt.count) == (
        *("First question", "Second answer"),
        4,
    )


def test_long_messages_leave_short_ones_their_words(ann: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpts, "BYTES_MAX", 2_000)
    builders.runs.answered(ann, "".join(chr(0x4E00 + number) for number in range(5_000)), "short")

    (found,) = listed.load([Conversation.objects.get().pk], account_id=ann.pk)

    assert (found.excerpt.title, found.excerpt.preview) == ("", "short")
