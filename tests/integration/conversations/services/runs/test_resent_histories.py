"""Accepting a history that is sent again: only what is new is stored, and it follows what it was said after."""

from functools import partial

import pytest

from conversations import errors
from conversations.models import Account, Message, Run
from conversations.rules.conversations import resent_history
from conversations.services import runs as run_services
from conversations.values.requests import OnBusy, Preconditions
from providers import serialization
from providers.assembly import Answer
from providers.messages import Message as Said
from providers.messages import Role, TextPart, ToolCallPart
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

KEY = Preconditions(idempotency_key="k", body_hash=b"h" * 32)


def user(text: str) -> Said:
    return Said(Role.USER, (TextPart(text),))


def assistant(text: str) -> Said:
    return Said(Role.ASSISTANT, (TextPart(text),))


def parent_of(run: Run) -> str | None:
    """What was said before the run's messages, as far as it is settled."""
    parent = Message.objects.filter(run=run).order_by("pk")[0].parent
    return None if parent is None else str(parent.parts[0]["text"])


def test_every_stored_message_has_the_digest_of_what_it_says(ann: Account) -> None:
    said = (user(" a\n"), Said(Role.ASSISTANT, (TextPart("A"), ToolCallPart("call_1", "f", "{}"))), user("b"))
    run = builders.runs.start(ann, said=said)
    report = builders.runs.report("B")
    choices = (*report.answers, Answer(1, (TextPart("B2"),), "stop"))
    run_services.finish.finish(
        run=builders.runs.claim(run),
        report=run_services.finish.AttemptReport(
            worker_name="w1", answers=choices, log_shape=report.log_shape, ended=report.ended
        ),
    )

    rows = Message.objects.order_by("pk")

    stored = [Said(Role(row.role), serialization.load_parts(row.parts)) for row in rows]
    assert stored == [*said, assistant("B"), assistant("B2")]
    assert [row.digest for row in rows] == [resent_history.digest(message) for message in stored]


def test_only_what_is_new_is_stored(ann: Account) -> None:
    builders.runs.answered(ann, "a", "A")

    run = builders.runs.start(ann, said=(user("a"), assistant("A"), user("b")))

    assert inspection.messages(run) == [("user", "b")]
    assert inspection.history(builders.runs.claim(run)) == ["a", "A"]


def test_a_branch_has_its_parent_from_the_start(ann: Account) -> None:
    builders.runs.answered(ann, "a", "A")
    builders.runs.answered(ann, "b", "B")

    run = builders.runs.start(ann, said=(user("a"), assistant("A"), user("c")))

    assert inspection.messages(run) == [("user", "c")]
    assert parent_of(run) == "A"


@pytest.mark.parametrize("preconditions", [Preconditions(), KEY, Preconditions(on_busy=OnBusy.REJECT)])
def test_a_history_without_anything_new_is_refused_and_leaves_nothing(
    ann: Account, preconditions: Preconditions
) -> None:
    builders.runs.answered(ann, "a", "A")
    before = Run.objects.count()

    with pytest.raises(errors.InvalidRequest):
        builders.runs.accept(ann, said=(user("a"), assistant("A")), preconditions=preconditions)

    assert Run.objects.count() == before


def test_a_key_gives_its_run_although_the_conversation_has_all_of_its_messages_now(ann: Account) -> None:
    said = (user("a"), assistant("I think"))
    first = builders.runs.accept(ann, said=said, preconditions=KEY)
    run_services.finish.finish(
        run=builders.runs.claim(Run.objects.get(pk=first.pk)), report=builders.runs.report("that A.")
    )

    again = builders.runs.accept(ann, said=said, preconditions=KEY)

    assert (again.pk, again.is_new) == (first.pk, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize("on_busy", [OnBusy.REJECT, OnBusy.REPLACE])
def test_a_turn_that_ends_before_the_conversation_is_locked_does_not_come_in_between(
    ann: Account, on_busy: OnBusy
) -> None:
    """Who is not to wait continues what it has seen: what ended meanwhile is another branch."""
    builders.runs.answered(ann, "a", "A")
    said = (user("a"), assistant("A"), user("c"))
    resend = partial(builders.runs.accept, ann, said=said, preconditions=Preconditions(on_busy=on_busy))

    with builders.locks.waited_for(builders.locks.conversation, by=resend):
        builders.runs.answered(ann, "b", "B")

    assert inspection.thread(ann) == ["a", "A", "b", "B"]
    run = Run.objects.latest("pk")
    assert inspection.messages(run) == [("user", "c")]
    assert parent_of(run) == "A"
