"""A page of tasks: as many whole answers as fit."""

from typing import Any

import pytest

from conversations.models import Account, Run
from conversations.queries import tasks as task_queries
from conversations.queries.tasks import PAGE_BYTES_MAX, TaskPage
from conversations.values.requests import NewTask
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

# Two of them reach the bound. Compressed they are small, as those of `echo` are.
LARGE = "x" * (PAGE_BYTES_MAX * 2 // 3)


def answered(owner: Account, *answers: str, is_stored: bool = True) -> None:
    for answer in answers:
        builders.runs.answered(owner, "?", answer, task=NewTask(), is_stored=is_stored)


def page(owner: Account, *, offset: int = 0, limit: int = 100, trace_ids: list[str] | None = None) -> TaskPage:
    anything: dict[str, Any] = dict.fromkeys(("task_ids", "operation", "since", "until"))
    return task_queries.page(account_id=owner.pk, **anything, trace_ids=trace_ids, offset=offset, limit=limit)


def lengths(shown: TaskPage) -> list[int]:
    return [len(state.text) for state in shown.states]


@pytest.mark.parametrize("is_stored", [True, False])
def test_ends_where_its_answers_reach_the_bound_and_says_where_to_go_on(ann: Account, is_stored: bool) -> None:
    answered(ann, "first", LARGE, LARGE, "last", is_stored=is_stored)

    pages = [page(ann)]
    while pages[-1].next_offset is not None:
        pages.append(page(ann, offset=pages[-1].next_offset))

    assert [length for shown in pages for length in lengths(shown)] == [4, len(LARGE), len(LARGE), 5]
    assert {shown.count for shown in pages} == {4}
    assert len(pages) > 1


def test_shows_an_answer_that_is_larger_than_the_bound(ann: Account) -> None:
    answered(ann, "first", "x" * (PAGE_BYTES_MAX + 1))

    newest = page(ann)

    assert (lengths(newest), newest.next_offset, newest.count) == ([PAGE_BYTES_MAX + 1], 1, 2)


def test_a_page_of_its_limit_has_no_next_offset(ann: Account) -> None:
    answered(ann, "One.", "Two.", "Six.")

    shown = page(ann, limit=2)

    assert (lengths(shown), shown.next_offset, shown.count) == ([4, 4], None, 3)


def test_a_large_question_counts_too(ann: Account) -> None:
    for _ in range(3):
        builders.runs.start(ann, LARGE, task=NewTask(), is_stored=False)

    shown = page(ann)

    assert (len(shown.states), shown.next_offset, shown.count) == (2, 2, 3)


def test_a_trace_id_in_a_form_that_only_python_reads_finds_its_task(ann: Account) -> None:
    answered(ann, "One.")
    [trace_id] = Run.objects.values_list("trace_id", flat=True)
    arabic = str(trace_id).translate({ord("0") + digit: chr(0x660 + digit) for digit in range(10)})

    for form in (f"urn:uuid:{trace_id}", f"{trace_id.hex[:1]}-{trace_id.hex[1:]}", f"{{{trace_id}}}", arabic):
        state = task_queries.find(account_id=ann.pk, trace_id=form)
        assert state is not None
        assert state.text == "One."
        assert lengths(page(ann, trace_ids=[form, form, "urn:uuid:none"])) == [4]
