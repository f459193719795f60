from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from conversations import resources
from conversations.models import ActiveRun, Conversation, Run
from conversations.values.runs import ACTIVE

AT = datetime(2026, 5, 4, 3, 2, 1, 500, tzinfo=UTC)


def made(status: str = "completed", **more: Any) -> Run:
    """One that is active has what its active row says."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "source": "estimated"}
    fields: dict[str, Any] = {
        "public_id": "run_1",
        "ended_as": "" if status == "completed" else status,
        "conversation": Conversation(public_id="thread"),
        "dialect": "openai",
        "model": "gpt-4",
        "attempt": 2,
        "created_at": AT,
        "claimed_at": AT + timedelta(seconds=1),
        "first_token_at": AT + timedelta(seconds=2),
        "finished_at": AT.replace(microsecond=0),
        "usage": usage,
    }
    if status not in ACTIVE:
        return Run(**fields | more)
    run = Run(**fields | more | {"finished_at": None, "ended_as": ""})
    # Setting the row's run also sets `run.active`.
    ActiveRun(run=run, status=status, attempt=1)
    return run


def test_a_run_in_progress_shows_what_its_active_row_says() -> None:
    run = made(status="in_progress", attempt=0, claimed_at=None)
    run.active.claimed_at = run.active.cancel_requested_at = AT

    shown = resources.run(run)

    assert (shown["status"], shown["attempt"]) == ("in_progress", 1)
    assert shown["claimed_at"] == shown["cancel_requested_at"] == "2026-05-04T03:02:01.000500Z"


def test_a_client_token_sees_neither_model_nor_usage() -> None:
    run = made()

    assert resources.run(run, to_token=True) == {**resources.run(run), "model": None, "usage": None}


def test_writes_a_finished_run_in_a_fixed_order() -> None:
    written = orjson.dumps(resources.run(made()))

    assert written == orjson.dumps(
        {
            "id": "run_1",
            "object": "run",
            "status": "completed",
            "conversation": "thread",
            "dialect": "openai",
            "model": "gpt-4",
            "attempt": 2,
            "created_at": "2026-05-04T03:02:01.000500Z",
            "claimed_at": "2026-05-04T03:02:02.000500Z",
            "first_token_at": "2026-05-04T03:02:03.000500Z",
            "finished_at": "2026-05-04T03:02:01Z",
            "cancel_requested_at": None,
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "source": "estimated"},
            "incomplete_reason": None,
            "error": None,
        }
    )


def test_a_run_that_waits_and_that_nothing_stores_has_nulls() -> None:
    run = resources.run(made(status="queued", conversation=None, first_token_at=None, usage=None))

    nulls = [name for name, value in run.items() if value is None]
    assert nulls == [
        "conversation",
        "claimed_at",
        "first_token_at",
        "finished_at",
        "cancel_requested_at",
        "usage",
        "incomplete_reason",
        "error",
    ]


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_an_error_has_the_code_that_aichat_gives_it(status: str) -> None:
    run = resources.run(made(status=status, error_code="upstream_failed", error_message="No luck."))

    assert run["error"] == {"code": "chat_error", "message": "No luck."}


def test_an_incomplete_run_says_what_ended_it() -> None:
    run = resources.run(made(status="incomplete", error_code="balance_used_up", error_message="Used up."))

    assert (run["status"], run["incomplete_reason"]) == ("incomplete", "balance")
    assert run["error"] == {"code": "used_up", "message": "Used up."}


@pytest.mark.parametrize("status", ["cancelled", "completed", "queued", "in_progress"])
def test_no_other_status_has_an_error(status: str) -> None:
    assert resources.run(made(status=status, error_code="run_cancelled", error_message="Stopped."))["error"] is None
