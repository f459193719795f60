"""A worker takes a run: its row is claimed, with all that is needed to answer it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import IntegrityError

from conversations.services.runs import fair_shares, sql
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import refusals, statements
from conversations.values.money import Terms

# How many messages of the history a claim returns. A turn has two messages, so other processes may have answered half
# as many turns since this process's last one before a second statement is needed.
NEWEST_MESSAGES = 16
ONE_ACTIVE_RUN = "conversation_has_at_most_one_active_run"


class ClaimOutcome(StrEnum):
    """What CLAIM did. Only a run that is `claimed` or `held` has changed.

    `held`: its account has its share of the workers (ADR 18). `not_next`: an earlier run of its conversation is active.
    `taken`: it is in progress or has ended. `locked`: somebody else is changing it at this moment.
    """

    CLAIMED = "claimed"
    HELD = "held"
    NOT_NEXT = "not_next"
    TAKEN = "taken"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that this worker is to answer, with all it needs for that; of the history only the newest messages.

    `messages_json`: the rows of a stored turn's own messages, in order. `needs_report`: its end will have to be
    reported to an endpoint or a callback, as far as is known at the claim. The JSON is parsed later (`records`,
    `workers/runs/history.py`), where a failure can still end the claimed run. `terms` is None for a run that is neither
    metered nor limited in its cost. `is_dry`: there is no such run, and nothing of it may be written.
    """

    pk: int
    public_id: str
    channel: str
    account_id: int
    attempt: int
    attempts_lost: int
    dialect: str
    model: str
    context_window: int
    preset_text: str
    is_streamed: bool
    conversation_id: int | None
    needs_report: bool
    request_json: str
    messages_json: str
    parameters_json: str
    history_json: str
    terms: Terms | None = None
    is_dry: bool = False

    @property
    def is_stored(self) -> bool:
        return self.conversation_id is not None


@retry_on_deadlock
def claim(*, account_id: int, run_id: int, worker_id: int) -> ClaimedRun | ClaimOutcome:
    """Takes the run for this worker, or says why not.

    A run whose account has its share of the workers is held back until a thread is free for it (`fair_shares`).
    Raises DatabaseError, also for a run that the database will never give out.
    """
    parameters = {
        "account_id": account_id,
        "run_id": run_id,
        "worker_id": worker_id,
        "newest": NEWEST_MESSAGES,
        **fair_shares.LIMITS,
    }
    try:
        row = statements.fetch_one(sql.CLAIM, parameters)
    except IntegrityError as exc:
        if refusals.constraint(exc) != ONE_ACTIVE_RUN:
            raise
        # Another run of the conversation was claimed at the same moment. Its end wakes this one.
        return ClaimOutcome.NOT_NEXT
    if (outcome := ClaimOutcome(row["outcome"])) is not ClaimOutcome.CLAIMED:
        return outcome
    return ClaimedRun(
        pk=row["id"],
        public_id=row["public_id"],
        channel=row["channel"],
        account_id=row["account_id"],
        attempt=row["attempt"],
        attempts_lost=row["attempts_lost"],
        dialect=row["dialect"],
        model=row["model"],
        context_window=row["context_window"],
        preset_text=row["preset_text"],
        is_streamed=row["is_streamed"],
        conversation_id=row["conversation_id"],
        needs_report=row["needs_report"],
        request_json=row["request"] or "",
        messages_json=row["messages"] or "[]",
        parameters_json=row["parameters"] or "{}",
        history_json=row["history"] or "[]",
        terms=None if row["reserved"] is None and row["max_cost"] is None else _terms(row),
    )


def _terms(row: Mapping[str, Any]) -> Terms:
    return Terms(
        accepted_at=statements.in_utc(row["created_at"]),
        reserved=row["reserved"],
        markup_percent=row["markup_percent"],
        max_cost=row["max_cost"],
        available=row["available"],
    )
