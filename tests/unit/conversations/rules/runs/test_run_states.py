from itertools import product

import pytest

from conversations import errors
from conversations.rules.runs import run_states
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome, Finish, Requeue
from conversations.values.runs import RunStatus

MAX_ATTEMPTS = 3
CUT = errors.UpstreamFailed("cut")
LOST = Finish(RunStatus.FAILED, "internal_error", "The answer was interrupted; ask again.")
STOPPED = Finish(
    RunStatus.FAILED, "service_unavailable", "The service was restarted in the middle of the answer; ask again."
)
FAILED = Finish(RunStatus.FAILED, "upstream_failed", "cut")
AGAIN, UNCOUNTED = Requeue(is_lost=True), Requeue(is_lost=False)


def decided_for(
    outcome: AttemptOutcome,
    *,
    is_published: bool = False,
    has_text: bool | None = None,
    is_streamed: bool = False,
    attempt: int = 1,
    error: errors.ParleyError | None = None,
    is_retryable: bool = False,
) -> Requeue | Finish:
    return run_states.decide(
        AttemptEnd(outcome, error, is_retryable),
        is_published=is_published,
        has_text=is_published if has_text is None else has_text,
        is_streamed=is_streamed,
        attempt=attempt,
        max_attempts=MAX_ATTEMPTS,
    )


@pytest.mark.parametrize(
    ("outcome", "is_published", "is_streamed", "attempt", "expected"),
    [
        # Before the first token nobody notices.
        (AttemptOutcome.WORKER_LOST, False, False, 1, AGAIN),
        (AttemptOutcome.WORKER_LOST, False, True, 1, AGAIN),
        (AttemptOutcome.WORKER_LOST, False, True, 2, AGAIN),
        (AttemptOutcome.WORKER_LOST, False, True, 3, LOST),
        (AttemptOutcome.WORKER_LOST, False, False, 3, LOST),
        # After it, only a run that nobody watches begins anew.
        (AttemptOutcome.WORKER_LOST, True, True, 1, LOST),
        (AttemptOutcome.WORKER_LOST, True, False, 1, Requeue(is_lost=True, if_streamed=LOST)),
        (AttemptOutcome.WORKER_LOST, True, False, 3, LOST),
        # A worker that is told to stop costs no attempt.
        (AttemptOutcome.DRAINED, False, True, 1, UNCOUNTED),
        (AttemptOutcome.DRAINED, False, True, 3, UNCOUNTED),
        (AttemptOutcome.DRAINED, True, False, 3, Requeue(is_lost=False, if_streamed=STOPPED)),
        (AttemptOutcome.DRAINED, True, True, 1, STOPPED),
    ],
)
def test_a_dead_attempt_is_made_again_unless_someone_saw_it(
    outcome: AttemptOutcome, is_published: bool, is_streamed: bool, attempt: int, expected: Requeue | Finish
) -> None:
    assert decided_for(outcome, is_published=is_published, is_streamed=is_streamed, attempt=attempt) == expected


@pytest.mark.parametrize(
    ("is_published", "is_streamed", "is_retryable", "attempt", "expected"),
    [
        # The client has made its retries by now.
        (False, False, True, 1, FAILED),
        (False, True, True, 1, FAILED),
        (True, False, True, 1, Requeue(is_lost=True, if_streamed=FAILED)),
        (True, False, True, 3, FAILED),
        (True, True, True, 1, FAILED),
        (True, False, False, 1, FAILED),
        (True, True, False, 1, FAILED),
        (False, False, False, 1, FAILED),
    ],
)
def test_an_upstreams_error_is_final_unless_it_tore_an_answer_that_nobody_watches(
    is_published: bool, is_streamed: bool, is_retryable: bool, attempt: int, expected: Requeue | Finish
) -> None:
    decided = decided_for(
        AttemptOutcome.ERROR,
        is_published=is_published,
        is_streamed=is_streamed,
        attempt=attempt,
        error=CUT,
        is_retryable=is_retryable,
    )

    assert decided == expected


def test_an_end_by_error_says_what_the_error_says() -> None:
    error = errors.UpstreamRefused("too hot", param="temperature", vendor_code="range")

    assert decided_for(AttemptOutcome.ERROR, error=error) == Finish(
        RunStatus.FAILED, "upstream_refused", "too hot", {"param": "temperature", "vendor_code": "range"}
    )


def test_an_error_nobody_explained_is_ours() -> None:
    assert decided_for(AttemptOutcome.ERROR) == Finish(RunStatus.FAILED, "internal_error", "Internal server error.")


EVERY_CASE = list(product([False, True], [False, True], [1, 3]))


@pytest.mark.parametrize(("is_published", "is_streamed", "attempt"), EVERY_CASE)
def test_a_completed_run_is_completed(is_published: bool, is_streamed: bool, attempt: int) -> None:
    decided = decided_for(AttemptOutcome.COMPLETED, is_published=is_published, is_streamed=is_streamed, attempt=attempt)

    assert decided == Finish(RunStatus.COMPLETED)


@pytest.mark.parametrize(("is_published", "is_streamed", "attempt"), EVERY_CASE)
def test_a_cancelled_run_is_never_made_again(is_published: bool, is_streamed: bool, attempt: int) -> None:
    decided = decided_for(AttemptOutcome.CANCELLED, is_published=is_published, is_streamed=is_streamed, attempt=attempt)

    assert decided == Finish(RunStatus.CANCELLED, "run_cancelled", "The run was cancelled before it had an answer.")


@pytest.mark.parametrize(("is_streamed", "attempt"), list(product([False, True], [1, 3])))
@pytest.mark.parametrize(
    ("is_published", "has_text", "status"),
    [(False, False, RunStatus.FAILED), (True, False, RunStatus.FAILED), (True, True, RunStatus.INCOMPLETE)],
)
def test_a_run_past_its_deadline_keeps_the_text_it_has(
    is_published: bool, has_text: bool, status: RunStatus, is_streamed: bool, attempt: int
) -> None:
    decided = decided_for(
        AttemptOutcome.DEADLINE, is_published=is_published, has_text=has_text, is_streamed=is_streamed, attempt=attempt
    )

    assert decided == Finish(status, "deadline_exceeded", "The answer took longer than this service allows.")


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(AttemptOutcome.OUT_OF_BALANCE, "balance_used_up"), (AttemptOutcome.COST_LIMIT, "cost_limit_reached")],
)
@pytest.mark.parametrize("has_text", [True, False])
def test_what_was_thought_until_the_money_was_used_up_is_not_free(
    outcome: AttemptOutcome, code: str, has_text: bool
) -> None:
    decided = decided_for(outcome, is_published=True, has_text=has_text)

    assert isinstance(decided, Finish)
    assert (decided.status, decided.error_code) == (RunStatus.INCOMPLETE, code)


@pytest.mark.parametrize("outcome", AttemptOutcome)
@pytest.mark.parametrize("is_retryable", [False, True])
@pytest.mark.parametrize(("is_published", "is_streamed", "attempt"), EVERY_CASE)
def test_no_case_splices_loops_or_fails_without_a_reason(
    outcome: AttemptOutcome, is_published: bool, is_streamed: bool, attempt: int, is_retryable: bool
) -> None:
    decided = decided_for(
        outcome,
        is_published=is_published,
        is_streamed=is_streamed,
        attempt=attempt,
        error=CUT,
        is_retryable=is_retryable,
    )

    seen = decided_for(
        outcome, is_published=is_published, is_streamed=True, attempt=attempt, error=CUT, is_retryable=is_retryable
    )
    if isinstance(decided, Requeue):
        assert not (is_published and is_streamed)
        assert decided.if_streamed == (seen if is_published else None)
        assert attempt < MAX_ATTEMPTS or not decided.is_lost
    else:
        assert decided.status.is_terminal
        assert (decided.error_code in errors.BY_CODE) is (decided.status is not RunStatus.COMPLETED)


@pytest.mark.parametrize(
    ("outcome", "code"), [(AttemptOutcome.DEADLINE, "deadline_exceeded"), (AttemptOutcome.TOO_LONG, "answer_too_long")]
)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_our_bounds_end_keeps_its_text_and_is_not_begun_anew(
    outcome: AttemptOutcome, code: str, is_streamed: bool
) -> None:
    cut = decided_for(outcome, is_published=True, is_streamed=is_streamed)
    wordless = decided_for(outcome, is_published=True, has_text=False, is_streamed=is_streamed)

    assert isinstance(cut, Finish)
    assert isinstance(wordless, Finish)
    assert (cut.status, cut.error_code) == (RunStatus.INCOMPLETE, code)
    assert (wordless.status, wordless.error_code) == (RunStatus.FAILED, code)
