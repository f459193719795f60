"""The words of an answer: once, in the messages that it became or in the run's row, and read from where they are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Account, Message, Run
from conversations.queries import answers
from conversations.queries import runs as run_queries
from conversations.queries import tasks as task_queries
from conversations.services.erasures import tombstones
from conversations.services.runs import finish
from conversations.values.requests import NewTask
from conversations.values.runs import RunStatus
from providers.assembly import Answer
from providers.events import RefusalDelta, TextDelta
from providers.messages import Message as Said
from providers.messages import RefusalPart, Role, TextPart
from tests import builders
from tests.integration.conversations import inspection

pytestmark = pytest.mark.django_db

METADATA = {"acme": {"annotations": [1]}}
TWO = (
    Answer(0, (TextPart("One"),), "stop", {"content": [{"token": "One"}]}, METADATA),
    Answer(1, (RefusalPart("No"),), "length"),
)
ONE_PARTS, TWO_PARTS = [{"type": "text", "text": "One"}], [{"type": "refusal", "text": "No"}]
TWO_CHOICES = [
    {
        "index": 0,
        "finish_reason": "stop",
        "logprobs": {"content": [{"token": "One"}]},
        "parts": ONE_PARTS,
        "provider_metadata": METADATA,
    },
    {"index": 1, "finish_reason": "length", "parts": TWO_PARTS, "provider_metadata": None},
]
# As the release before wrote them.
VERSION_1: dict[str, Any] = {
    "version": 1,
    "call": None,
    "choices": [{**TWO_CHOICES[0]}, {**TWO_CHOICES[1], "logprobs": None}],
    "log": [["t", 0, 3, 1], ["r", 1, 2, 0]],
}


def ended(
    owner: Account, *said: Answer, status: RunStatus = RunStatus.COMPLETED, is_stored: bool = True, **more: Any
) -> Run:
    run = builders.runs.start(owner, is_stored=is_stored, **more)
    report = builders.runs.report(status=status, code="upstream_failed" if status is RunStatus.FAILED else "")
    assert finish.finish(run=builders.runs.claim(run), report=replace(report, answers=said))
    return Run.objects.get(pk=run.pk)


def stored(run: Run) -> list[Mapping[str, Any]]:
    """The choices as the run's own row has them."""
    assert run.answer is not None
    choices: list[Mapping[str, Any]] = run.answer["choices"]
    return choices


def queries(runs: list[Run]) -> int:
    with CaptureQueriesContext(connection) as asked:
        for run in runs:
            answers.choices(run)
    return len(asked)


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.CANCELLED, RunStatus.INCOMPLETE])
def test_the_words_of_a_stored_answer_are_in_its_messages_alone(ann: Account, status: RunStatus) -> None:
    run = ended(ann, *TWO, status=status)

    assert stored(run) == [
        {"index": 0, "finish_reason": "stop", "logprobs": {"content": [{"token": "One"}]}},
        {"index": 1, "finish_reason": "length"},
    ]
    rows = Message.objects.filter(run=run, role="assistant").order_by("choice")
    assert list(rows.values_list("choice", "parts", "provider_metadata")) == [
        (0, ONE_PARTS, METADATA),
        (1, TWO_PARTS, None),
    ]
    assert answers.choices(run) == TWO_CHOICES


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_the_row_has_the_words_where_no_message_has_them(ann: Account, status: RunStatus) -> None:
    run = ended(ann, *TWO, status=status, is_stored=status is RunStatus.FAILED)

    assert [choice["parts"] for choice in stored(run)] == [ONE_PARTS, TWO_PARTS]
    assert not Message.objects.filter(run=run, role="assistant").exists()
    assert queries([run]) == 0
    assert [choice["parts"] for choice in answers.choices(run)] == [ONE_PARTS, TWO_PARTS]


def test_a_choice_without_words_keeps_what_the_vendor_said_of_it(ann: Account) -> None:
    run = ended(ann, TWO[0], Answer(1, (), "content_filter", provider_metadata=METADATA))

    silent = {"index": 1, "finish_reason": "content_filter", "parts": [], "provider_metadata": METADATA}
    assert stored(run)[1] == silent
    assert answers.choices(run) == [TWO_CHOICES[0], silent]


def test_an_answer_of_the_release_before_is_read_from_its_row(ann: Account) -> None:
    run = ended(ann, *TWO)
    Run.objects.filter(pk=run.pk).update(answer=VERSION_1)
    run.refresh_from_db()

    assert queries([run]) == 0
    assert answers.choices(run) == VERSION_1["choices"]
    assert answers.visible_text(run) == "One"
    assert run_queries.ended(run).finish_reasons == ("stop", "length")


def test_an_answer_is_not_taken_for_one_that_the_question_quotes(ann: Account) -> None:
    said = tuple(Said(role, (TextPart(role.value),)) for role in (Role.USER, Role.ASSISTANT, Role.USER))

    run = ended(ann, *TWO, said=said)

    assert Message.objects.filter(run=run, role="assistant", choice=0).count() == 2
    assert answers.visible_text(run) == "One"


def test_nothing_is_said_of_a_conversation_that_was_deleted_meanwhile(ann: Account) -> None:
    said = tuple(Said(role, (TextPart(role.value),)) for role in (Role.USER, Role.ASSISTANT, Role.USER))
    run = ended(ann, *TWO, said=said)
    tombstones.bury_conversation(conversation_id=inspection.conversation(ann).pk, requested_by="a test")
    # As far as a batch may have come.
    Message.objects.filter(run=run).latest("pk").delete()

    assert answers.choices(run) == []
    assert answers.visible_text(run) == ""


def test_one_query_reads_the_words_of_many_runs_and_none_those_of_unstored_ones(ann: Account, bob: Account) -> None:
    runs = [ended(owner, TWO[0], conversation_id=name) for owner in (ann, bob) for name in ("a", "b")]
    unstored = ended(ann, TWO[0], is_stored=False)

    with CaptureQueriesContext(connection) as asked:
        answers.load([*runs, unstored])
    assert len(asked) == 1
    assert [answers.visible_text(run) for run in [*runs, unstored]] == ["One"] * 5
    assert queries([*runs, unstored]) == 0


def test_a_page_of_tasks_takes_as_many_queries_as_one_task(ann: Account) -> None:
    def page_of(limit: int) -> tuple[list[str], int]:
        with CaptureQueriesContext(connection) as asked:
            rest: dict[str, Any] = dict.fromkeys(("task_ids", "trace_ids", "operation", "since", "until"))
            page = task_queries.page(account_id=ann.pk, **rest, offset=0, limit=limit)
        return [task.text for task in page.states], len(asked)

    for number in range(3):
        ended(ann, Answer(0, (TextPart(str(number)),), "stop"), conversation_id=str(number), task=NewTask())

    assert page_of(1) == (["2"], 5)
    assert page_of(10) == (["2", "1", "0"], 5)


def test_the_events_of_an_ended_run_need_no_further_query(ann: Account) -> None:
    run = run_queries.ended_run(ended(ann, *TWO).pk)
    assert run is not None

    with CaptureQueriesContext(connection) as asked:
        events = list(run_queries.stored_events(run))

    assert len(asked) == 0
    assert [type(item.event) for item in events].count(TextDelta) == 2
    assert RefusalDelta("No", 1) in [item.event for item in events]
