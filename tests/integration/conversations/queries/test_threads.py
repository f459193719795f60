"""How much of a resent history its conversation has, found at the cost of what was sent."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations import ids
from conversations.models import Account, Conversation, Message
from conversations.queries.conversations import threads
from conversations.rules.conversations import resent_history
from conversations.rules.conversations.resent_history import DIGEST_BYTES, Continuation
from providers.messages import Message as Said
from providers.messages import Role, TextPart
from tests.integration.conversations.queries import resent_reference, stored_trees
from tests.integration.conversations.queries.stored_trees import Node, chain

pytestmark = pytest.mark.django_db


def user(text: str) -> Said:
    return Said(Role.USER, (TextPart(text),))


def assistant(text: str) -> Said:
    return Said(Role.ASSISTANT, (TextPart(text),))


THREAD = (user("a"), assistant("A"), user("b"), assistant("B"))
KNOWN = chain(*THREAD)
HEAD = 3


@pytest.fixture(params=[True, False], ids=["digests", "earlier-release"])
def has_digest(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


Found = tuple[int, int | None]


@pytest.fixture
def found_in(ann: Account, has_digest: bool) -> "FoundIn":
    return FoundIn(ann, has_digest=has_digest)


class FoundIn:
    """Stores a conversation and looks a sent history up in it."""

    def __init__(self, owner: Account, *, has_digest: bool) -> None:
        self._owner = owner
        self._has_digest = has_digest

    def __call__(self, nodes: Sequence[Node], *sent: Said, head: int | None = HEAD) -> Found:
        """How many are known, and the place of the message that the new ones follow."""
        stored = [Node(node.parent, node.message, self._has_digest) for node in nodes]
        return found(stored, sent, head=head, owner=self._owner)


def found(nodes: Sequence[Node], sent: Sequence[Said], *, head: int | None, owner: Account) -> Found:
    conversation_id = ids.new_conversation_id()
    pks = stored_trees.store(nodes, head=head, owner=owner, conversation_id=conversation_id)
    continuation = threads.recognise(sent, account_id=owner.pk, conversation_id=conversation_id)
    assert continuation.head == (None if head is None else pks[head])
    return continuation.new_from, None if continuation.after is None else pks.index(continuation.after)


def test_everything_is_new_in_an_empty_conversation(found_in: FoundIn) -> None:
    assert found_in([], *THREAD, user("c"), head=None) == (0, None)


def test_everything_is_new_to_another_account(ann: Account, bob: Account) -> None:
    stored_trees.store(KNOWN, head=HEAD, owner=ann, conversation_id="thread")

    assert threads.recognise(THREAD, account_id=bob.pk, conversation_id="thread") == Continuation()
    assert threads.recognise(THREAD, account_id=ann.pk, conversation_id="other") == Continuation()


def test_everything_is_new_to_a_deleted_conversation(ann: Account) -> None:
    stored_trees.store(KNOWN, head=HEAD, owner=ann, conversation_id="thread")
    Conversation.objects.for_account(ann).update(head=None, deleted_at=Now())

    assert threads.recognise(THREAD, account_id=ann.pk, conversation_id="thread") == Continuation()


def test_a_single_new_message_goes_to_the_head(found_in: FoundIn) -> None:
    assert found_in(KNOWN, user("c")) == (0, None)


def test_a_repeated_history_leaves_what_follows_it(found_in: FoundIn) -> None:
    assert found_in(KNOWN, *THREAD, user("c")) == (4, None)


def test_the_first_question_said_again_is_said_again(found_in: FoundIn) -> None:
    assert found_in(KNOWN, user("a")) == (0, None)


def test_an_edited_question_branches_where_it_differs(found_in: FoundIn) -> None:
    assert found_in(KNOWN, *THREAD[:2], user("b, edited")) == (2, 1)


def test_a_known_history_that_ends_in_a_question_asks_it_again(found_in: FoundIn) -> None:
    assert found_in(KNOWN, *THREAD[:3]) == (2, 1)


def test_a_history_that_ends_in_its_known_answer_holds_nothing_new(found_in: FoundIn) -> None:
    assert found_in(KNOWN, *THREAD) == (4, None)


def test_a_question_that_failed_before_is_asked_again_after_the_head(found_in: FoundIn) -> None:
    known = [*KNOWN, *chain(user("c"), first=4, parent=3)]

    assert found_in(known, *THREAD, user("c")) == (4, None)


def test_a_history_on_another_branch_goes_on_there(found_in: FoundIn) -> None:
    known = [*KNOWN, *chain(user("b2"), assistant("B2"), first=4, parent=1)]

    assert found_in(known, *THREAD, user("c"), head=5) == (4, 3)


def test_another_choice_of_the_same_turn_goes_on_from_that_choice(found_in: FoundIn) -> None:
    known = [*chain(user("a"), assistant("A")), Node(0, assistant("A, otherwise"))]

    assert found_in(known, user("a"), assistant("A, otherwise"), user("b"), head=1) == (2, 2)


def test_an_answer_reached_through_either_of_two_equal_questions_is_found(found_in: FoundIn) -> None:
    known = [Node(None, user("a")), *chain(user("a"), assistant("A"), first=1)]

    assert found_in(known, user("a"), assistant("A"), user("b"), head=2) == (2, None)


@pytest.mark.parametrize(("head", "after"), [(3, 1), (7, 5)])
def test_of_two_equal_answers_it_goes_on_from_the_one_on_the_path(found_in: FoundIn, head: int, after: int) -> None:
    known = [*KNOWN, *chain(*THREAD, first=4)]

    assert found_in(known, *THREAD[:2], user("c"), head=head) == (2, after)


def test_of_two_equal_answers_off_the_path_it_goes_on_from_the_newest(found_in: FoundIn) -> None:
    known = [*KNOWN, *chain(*THREAD, first=4), *chain(user("z"), assistant("Z"), first=8)]

    assert found_in(known, *THREAD[:2], user("c"), head=9) == (2, 5)


def test_a_history_without_its_beginning_is_recognised_by_how_the_conversation_ends(found_in: FoundIn) -> None:
    assert found_in(KNOWN, *THREAD[2:], user("c")) == (2, None)


def test_a_question_alone_is_no_end_of_a_history(found_in: FoundIn) -> None:
    known = chain(user("a"), assistant("A"), user("b"))

    assert found_in(known, user("b"), user("c"), head=2) == (0, None)


texts = st.sampled_from(["a", "b"])
turns = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)
messages = st.builds(Said, st.sampled_from([Role.USER, Role.ASSISTANT]), texts.map(lambda text: (TextPart(text),)))
examples = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Mostly chains, with branches, and rows of an earlier release among others."""
    size = draw(st.integers(1, 10))
    parents = [None, *(draw(st.just(place - 1) | st.none() | st.integers(0, place - 1)) for place in range(1, size))]
    return [Node(parent, draw(messages), has_digest=draw(st.booleans())) for parent in parents]


@examples
@given(turns, texts)
def test_a_client_that_repeats_everything_never_adds_more_than_its_question(
    ann: Account, said: list[tuple[str, str]], question: str
) -> None:
    thread = [message for ask, answer in said for message in (user(ask), assistant(answer))]

    assert found(chain(*thread), [*thread, user(question)], head=len(thread) - 1, owner=ann) == (len(thread), None)


@settings(examples, max_examples=200)
@given(trees(), st.data())
def test_finds_what_a_look_at_every_message_finds(ann: Account, nodes: list[Node], data: st.DataObject) -> None:
    """What is sent: any messages, or those from a place of the tree on, and then others."""
    head = data.draw(st.none() | st.integers(0, len(nodes) - 1))
    place, path = data.draw(st.none() | st.integers(0, len(nodes) - 1)), list[Said]()
    while place is not None:
        path.insert(0, nodes[place].message)
        place = nodes[place].parent
    begin = data.draw(st.just(0) | st.integers(0, len(path)))
    sent = [*path[begin:], *data.draw(st.lists(messages, min_size=0 if path[begin:] else 1, max_size=3))]

    assert found(nodes, sent, head=head, owner=ann) == resent_reference.recognised(sent, nodes=nodes, head=head)


LONG = 3_000


@pytest.fixture
def long(ann: Account) -> list[Said]:
    """A conversation of 3,000 messages, in which no two say the same, with statistics."""
    thread = [(user, assistant)[number % 2](f"{number}") for number in range(LONG)]
    stored_trees.store(chain(*thread), head=LONG - 1, owner=ann, conversation_id="thread")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE conversations_message")
    return thread


def test_a_long_history_is_recognised_from_its_beginning_and_from_its_end(ann: Account, long: list[Said]) -> None:
    def new_from(*sent: Said) -> int:
        return threads.recognise(sent, account_id=ann.pk, conversation_id="thread").new_from

    assert new_from(*long, user("new")) == LONG
    assert new_from(*long[2:], user("new")) == LONG - 2
    assert new_from(*long[-4:], user("new")) == 4
    assert new_from(*long[:1000], user("new")) == 1000


@pytest.mark.parametrize(
    ("bounds", "known"),
    [({"BYTES_MAX": 9}, 9), ({"BYTES_MAX": 0}, 0), ({"CHUNK": 3}, 50), ({"MESSAGES_MAX": -40}, 11)],
)
def test_reads_no_more_of_an_earlier_release_than_the_bounds_allow(
    ann: Account, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, int], known: int
) -> None:
    """Fifty messages of one character each."""
    for name, value in bounds.items():
        monkeypatch.setattr(threads, name, value)
    thread = [(user, assistant)[number % 2](chr(ord("A") + number)) for number in range(50)]
    stored_trees.store(chain(*thread, has_digest=False), head=49, owner=ann, conversation_id="thread")

    found = threads.recognise([*thread, user("new")], account_id=ann.pk, conversation_id="thread")

    assert found.new_from == known


def test_the_end_of_a_path_of_an_earlier_release_is_read_as_far_as_the_bounds_allow(
    ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_trees.store(chain(*THREAD, has_digest=False), head=HEAD, owner=ann, conversation_id="thread")
    sent = [*THREAD[1:], user("c")]
    # One is read for the look from the beginning, and then the path from its end.
    monkeypatch.setattr(threads, "BYTES_MAX", 3)
    assert threads.recognise(sent, account_id=ann.pk, conversation_id="thread").new_from == 3

    monkeypatch.setattr(threads, "BYTES_MAX", 2)
    assert threads.recognise(sent, account_id=ann.pk, conversation_id="thread").new_from == 0


def explained(statement: str, **parameters: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def blocks(plan: str) -> int:
    """Read by the whole statement: the first line that counts them is that of the plan's root."""
    return sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", plan.splitlines()[1]))


def down(owner: Account, sent: Sequence[Said]) -> str:
    return explained(
        threads.DOWN,
        account_id=owner.pk,
        conversation_id="thread",
        digests=b"".join(map(resent_history.digest, sent)),
        size=DIGEST_BYTES,
        sent=len(sent),
        when_all=len(sent),
        most=threads.MESSAGES_MAX,
    )


def test_few_messages_of_a_long_conversation_cost_few_blocks(ann: Account, long: list[Said]) -> None:
    from_the_end, from_the_beginning = down(ann, long[-4:]), down(ann, [*long[:4], user("new")])
    tail = explained(threads.TAIL, head=Message.objects.latest("pk").pk, most=5, size=DIGEST_BYTES)

    assert "Seq Scan on conversations_message" not in from_the_end + from_the_beginning + tail
    assert re.search(r"Index Cond: \(\(conversation_id = \S+\) AND \(parent_id = \S+\)\)", from_the_beginning)
    assert max(map(blocks, (from_the_end, from_the_beginning, tail))) < 60
