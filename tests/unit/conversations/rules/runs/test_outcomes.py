import pytest

from conversations import errors
from conversations.rules.runs.outcomes import IncompleteReason, failure, incomplete_reason
from conversations.rules.runs.run_states import _LIMIT_ERRORS
from conversations.values.runs import RunEnded, RunStatus


@pytest.mark.parametrize("has_text", [True, False])
def test_a_completed_run_is_an_answer_even_without_text(has_text: bool) -> None:
    assert failure(RunEnded(RunStatus.COMPLETED), has_text=has_text) is None


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.INCOMPLETE])
def test_a_stopped_run_with_text_ends_normally(status: RunStatus) -> None:
    assert failure(RunEnded(status, error_code="deadline_exceeded"), has_text=True) is None


def test_a_cancelled_run_without_text_says_so() -> None:
    assert isinstance(failure(RunEnded(RunStatus.CANCELLED), has_text=False), errors.RunCancelled)


def test_an_incomplete_run_without_text_gives_its_reason() -> None:
    ended = RunEnded(RunStatus.INCOMPLETE, error_code="deadline_exceeded", error_message="too slow")

    error = failure(ended, has_text=False)

    assert isinstance(error, errors.DeadlineExceeded)
    assert error.message == "too slow"


@pytest.mark.parametrize("has_text", [True, False])
def test_a_failed_run_is_a_failure_whatever_it_said_before(has_text: bool) -> None:
    ended = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="cut")

    error = failure(ended, has_text=has_text)

    assert isinstance(error, errors.UpstreamFailed)
    assert error.message == "cut"


def test_a_code_of_a_newer_release_is_an_internal_error() -> None:
    error = failure(RunEnded(RunStatus.FAILED, error_code="from_the_future"), has_text=False)

    assert isinstance(error, errors.InternalError)


@pytest.mark.parametrize(
    ("error_code", "reason"),
    [
        ("deadline_exceeded", IncompleteReason.DEADLINE),
        ("answer_too_long", IncompleteReason.ANSWER_SIZE),
        ("balance_used_up", IncompleteReason.BALANCE),
        ("cost_limit_reached", IncompleteReason.MAX_COST),
        ("from_the_future", None),
    ],
)
def test_an_incomplete_run_has_a_reason(error_code: str, reason: IncompleteReason | None) -> None:
    assert incomplete_reason(status=RunStatus.INCOMPLETE, error_code=error_code) is reason


def test_every_limit_that_makes_a_run_incomplete_has_its_reason() -> None:
    found = {incomplete_reason(status=RunStatus.INCOMPLETE, error_code=error.code) for error in _LIMIT_ERRORS.values()}

    assert found == set(IncompleteReason)


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.INCOMPLETE])
def test_no_other_run_has_such_a_reason(status: RunStatus) -> None:
    assert incomplete_reason(status=status, error_code="deadline_exceeded") is None
