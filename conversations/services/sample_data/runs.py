"""A run's own rows: the run, its attempts, its task and its idempotency key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from conversations.relay import codec
from conversations.services.runs import accept, records
from conversations.services.runs.idempotency import KEY_LIFETIME
from conversations.services.runs.tasks import TASK_LIFETIME
from conversations.services.sample_data import proportions
from conversations.services.sample_data.copying import timed, uuid4
from conversations.services.sample_data.proportions import End
from conversations.services.sample_data.texts import dumps
from conversations.values.requests import RunRequest
from conversations.values.runs import RunStatus
from providers import serialization
from providers.messages import Usage

CONTEXT_WINDOW = 128_000
WORKERS = ("worker-1", "worker-2")
# From accept to claim, and from there to the first token; the answer takes 0.3 to 0.5 of the time that a turn has.
CLAIM_SECONDS, FIRST_TOKEN_SECONDS = 0.02, 0.6
ANSWER_SECONDS_MAX = 20.0
HASH_BYTES = 32
# What expires has this long to go, so that the next sweep has nothing to do.
UNEXPIRED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Times:
    created_at: datetime
    claimed_at: datetime
    first_token_at: datetime
    finished_at: datetime


@dataclass(slots=True)
class NewRun:
    """A run that has ended. `is_kept`: its request and answer are not erased, because it is stored or referred to."""

    pk: int
    public_id: str
    trace_id: UUID
    account_id: int
    api_key_id: int | None
    conversation_id: int | None
    preset: tuple[int | None, str] | None
    request: RunRequest
    times: Times
    end: End
    answer_record: str | None
    usage: Usage | None
    is_retried: bool
    is_kept: bool = True
    task_id: str = ""
    callback_url: str = ""
    key: str = ""


def times(at: datetime, *, seconds: float, random: Random) -> Times:
    """Of a run that is asked at this moment and has so many seconds until the next one."""
    answering = min(seconds * random.uniform(0.3, 0.5), random.lognormvariate(1.5, 0.6), ANSWER_SECONDS_MAX)
    claimed_at = at + timedelta(seconds=min(CLAIM_SECONDS, answering / 8))
    first_token_at = claimed_at + timedelta(seconds=min(FIRST_TOKEN_SECONDS, answering / 4))
    return Times(at, claimed_at, first_token_at, claimed_at + timedelta(seconds=answering))


def add_references(run: NewRun, *, random: Random, now: datetime, first_task_id: str) -> None:
    """Perhaps a task, a callback URL and an idempotency key; of those that expire only the ones that have not."""
    is_stored, age = run.request.is_stored, now - run.times.created_at + UNEXPIRED
    share = proportions.TASK_SHARE if is_stored else proportions.UNSTORED_TASK_SHARE
    if random.random() < share and (is_stored or age < TASK_LIFETIME):
        run.task_id = first_task_id or str(uuid4(random))
        if random.random() < proportions.CALLBACK_SHARE:
            run.callback_url = f"https://callbacks-{run.account_id}.invalid/done"
    if random.random() < proportions.KEY_SHARE and age < KEY_LIFETIME:
        run.key = str(uuid4(random))
    run.is_kept = is_stored or bool(run.task_id or run.key)


def row(run: NewRun) -> dict[str, Any]:
    preset_id, preset_text = run.preset or (None, "")
    error, ended = run.end.error, run.times
    is_begun = run.end.has_answer
    return {
        "id": run.pk,
        "account_id": run.account_id,
        "api_key_id": run.api_key_id,
        "conversation_id": run.conversation_id,
        "public_id": run.public_id,
        "channel": codec.channel("fill", run.public_id),
        "trace_id": run.trace_id,
        "dialect": run.request.dialect,
        "model": run.request.model,
        "context_window": CONTEXT_WINDOW,
        "request": records.dump_request(run.request) if run.is_kept else None,
        "preset_id": preset_id,
        "preset_text": preset_text if run.is_kept else None,
        "ended_as": "" if run.end.status is RunStatus.COMPLETED else run.end.status.value,
        "attempt": 1 + run.is_retried,
        "created_at": ended.created_at,
        "claimed_at": ended.claimed_at,
        "first_token_at": ended.first_token_at if is_begun else None,
        "finished_at": ended.finished_at,
        "cancel_requested_at": ended.finished_at if run.end.status is RunStatus.CANCELLED else None,
        "forget_after": ended.created_at + accept.KEEP_REFERRED if run.is_kept and not run.request.is_stored else None,
        "answer": run.answer_record if run.is_kept else None,
        "usage": dumps(serialization.dump_usage(run.usage)) if run.usage else None,
        "error_code": error.code if error else "",
        "error_message": error.default_message if error else "",
    }


def attempts(run: NewRun, random: Random) -> Iterator[dict[str, Any]]:
    """The last one ended as the run did; the one before it, if any, lost its worker."""
    number, error = 1 + run.is_retried, run.end.error
    if run.is_retried:
        unknown = {"upstream_request_id": "", "upstream_calls": 0, "usage": None, "error_code": ""}
        lost = {"started_at": run.times.created_at, "ended_at": run.times.claimed_at, "outcome": "lost"}
        yield _attempt(run, 1) | unknown | lost
    yield _attempt(run, number) | {
        "ended_at": run.times.finished_at,
        "outcome": run.end.status.value,
        "upstream_request_id": f"req_{random.getrandbits(96):024x}",
        "upstream_calls": 1,
        "usage": dumps(serialization.dump_usage(run.usage)) if run.usage else None,
        "error_code": error.code if error else "",
    }


def _attempt(run: NewRun, number: int) -> dict[str, Any]:
    worker = WORKERS[run.pk % len(WORKERS)]
    of_run = {"account_id": run.account_id, "run_id": run.pk}
    return {**of_run, "number": number, "worker_name": worker, "started_at": run.times.claimed_at}


def task(run: NewRun) -> dict[str, Any]:
    return {
        "account_id": run.account_id,
        "run_id": run.pk,
        "public_id": run.task_id,
        "trace_id": run.trace_id,
        "operation": run.request.operation.value,
        "is_stored": run.request.is_stored,
        "callback_url": run.callback_url,
        "created_at": run.times.created_at,
    }


def idempotency_key(run: NewRun, random: Random) -> dict[str, Any]:
    return {
        "account_id": run.account_id,
        "key": run.key,
        "body_hash": random.randbytes(HASH_BYTES),
        "run_id": run.pk,
        "created_at": run.times.created_at,
    }


def new_ids(at: datetime, random: Random) -> tuple[str, UUID]:
    """A public id and a trace id."""
    return timed("run", at, random), uuid4(random)
