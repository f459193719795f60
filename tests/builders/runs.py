"""Runs, conversations and workers, made through the services as the product makes them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis
from django.db.models import F
from django.db.models.functions import Now

from conversations import ids
from conversations.models import Account, ActiveRun, ApiKey, Run, Worker
from conversations.queries.money import balances
from conversations.relay import codec, log_marker
from conversations.relay.publish import Flusher, LiveLog
from conversations.rules import api_keys
from conversations.services import runs as run_services
from conversations.services import workers
from conversations.services.runs.accept import UNCONDITIONAL, AcceptedRun
from conversations.services.runs.claim import ClaimedRun, ClaimOutcome
from conversations.services.runs.finish import NO_COST, AttemptCost, AttemptReport
from conversations.stores import redis_clients
from conversations.values.callers import Caller
from conversations.values.money import Bill, Terms
from conversations.values.requests import NewRun, NewTask, Preconditions, ReferenceGiven, RunRequest
from conversations.values.runs import RunEnded, RunStatus
from providers.assembly import Answer
from providers.events import StreamEvent, TextDelta
from providers.messages import Message as Said
from providers.messages import Role, TextPart, Usage

WINDOW = 8192


def worker(*, queue: str = "runs", threads: int = 64) -> int:
    name = ids.new_run_id()
    log_marker.keep(redis_clients.client(), worker_name=name, has_published=False)
    return workers.register(name=name, queue=queue, threads=threads)


def caller(
    owner: Account,
    *,
    may_begin_conversations: bool = True,
    may_take_keys: bool = True,
    may_make_visitors: bool = True,
    has_endpoints: bool = False,
) -> Caller:
    """Whoever holds the account's one key here."""
    secret = f"sk-{owner.pk}"
    key, _ = ApiKey.objects.get_or_create(
        account=owner, prefix=api_keys.prefix(secret), key_hash=api_keys.hash_key(secret)
    )
    account = Account.objects.select_related("balance").only("markup_percent", "balance").get(pk=owner.pk)
    return Caller(
        metering=balances.metering(account),
        account_id=owner.pk,
        api_key_id=key.pk,
        may_begin_conversations=may_begin_conversations,
        may_take_idempotency_keys=may_take_keys,
        may_make_visitors=may_make_visitors,
        has_endpoints=has_endpoints,
    )


def accept(
    owner: Account,
    question: str = "Hello",
    *,
    conversation_id: str = "thread",
    is_stored: bool = True,
    begins_conversation: bool = False,
    preset: str | None = None,
    references: tuple[ReferenceGiven, ...] = (),
    is_streamed: bool = False,
    preconditions: Preconditions = UNCONDITIONAL,
    task: NewTask | None = None,
    said: tuple[Said, ...] = (),
    model: str = "gpt-4",
    options: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    by: Caller | None = None,
    **may: bool,
) -> AcceptedRun:
    """`said`: the messages in place of the question; they may repeat some that the conversation has.

    `given`: further fields of the request. `by`: the caller that is known already.
    """
    request = RunRequest(
        dialect="aichat",
        model=model,
        messages=said or (Said(Role.USER, (TextPart(question),)),),
        may_repeat_history=bool(said),
        conversation_id=conversation_id,
        is_stored=is_stored,
        begins_conversation=begins_conversation,
        preset=preset,
        references=references,
        options=options or {},
        **(given or {}),
    )
    run_id = ids.new_run_id()
    run = NewRun(
        run_id=run_id,
        channel=codec.channel("process", run_id),
        trace_id=uuid.uuid4(),
        context_window=WINDOW,
        is_streamed=is_streamed,
    )
    return run_services.accept.accept(request, preconditions, task, caller=by or caller(owner, **may), run=run)


def start(owner: Account, question: str = "Hello", **more: Any) -> Run:
    return Run.objects.get(pk=accept(owner, question, **more).pk)


def claim(run: Run, *, worker_id: int | None = None) -> ClaimedRun:
    claimed = try_claim(run, worker_id=worker_id)
    assert isinstance(claimed, ClaimedRun)
    return claimed


def claimed_again(run: Run, *, attempt: int) -> ClaimedRun:
    """A run in progress as its worker knows it: for ends, which need no more than this of it."""
    row = ActiveRun.objects.select_related("run").get(pk=run.pk)
    return ClaimedRun(
        pk=run.pk,
        public_id=run.public_id,
        channel=run.channel,
        account_id=run.account_id,
        attempt=attempt,
        attempts_lost=row.attempts_lost,
        dialect=run.dialect,
        model=run.model,
        context_window=run.context_window,
        preset_text="",
        is_streamed=row.is_streamed,
        conversation_id=run.conversation_id,
        needs_report=False,
        request_json="",
        messages_json="[]",
        parameters_json="{}",
        history_json="[]",
        terms=None if row.reserved is None else Terms(run.created_at, row.reserved, row.markup_percent, row.max_cost),
    )


def try_claim(run: Run, *, worker_id: int | None = None) -> ClaimedRun | ClaimOutcome:
    return run_services.claim.claim(account_id=run.account_id, run_id=run.pk, worker_id=worker_id or worker())


def requeue(run: Run, *, attempt: int = 1, is_lost: bool = True, cost: AttemptCost = NO_COST) -> bool:
    """Before any text of it was published."""
    return run_services.finish.requeue(
        account_id=run.account_id,
        run_id=run.pk,
        attempt=attempt,
        worker_name="w1",
        is_lost=is_lost,
        is_published=False,
        cost=cost,
    )


def report(
    text: str = "Hi.",
    *,
    status: RunStatus = RunStatus.COMPLETED,
    code: str = "",
    usage: Usage | None = None,
    log: Sequence[StreamEvent] = (),
    bill: Bill | None = None,
) -> AttemptReport:
    """`log`: the events that the text came in; one event unless given."""
    return AttemptReport(
        worker_name="w1",
        answers=(Answer(0, (TextPart(text),), "stop"),) if text else (),
        log_shape=codec.shape(log or [TextDelta(text)] * bool(text)),
        ended=RunEnded(status=status, finish_reasons=("stop",), usage=usage, error_code=code, error_message=code),
        upstream_request_id="req-1",
        upstream_calls=1,
        bill=bill,
    )


def answered(owner: Account, question: str = "Hello", answer: str = "Hi.", **more: Any) -> Run:
    run = start(owner, question, **more)
    assert run_services.finish.finish(run=claim(run), report=report(answer))
    run.refresh_from_db()
    return run


def silence_worker(run: Run, *, seconds: float = 9.0) -> None:
    """The run's worker was last heard of this long ago."""
    Worker.objects.filter(active_runs=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))


def age(run: Run, *, seconds: float, column: str) -> None:
    """Of the active row, unless only the run itself has the column."""
    rows: Any = ActiveRun.objects if hasattr(ActiveRun, column) else Run.objects
    rows.filter(pk=run.pk).update(**{column: F(column) - timedelta(seconds=seconds)})


def live_log(valkey: redis.Redis, run: Run, *, attempt: int = 1) -> LiveLog:
    return LiveLog(flusher=Flusher(valkey), run_id=run.public_id, channel=run.channel, attempt=attempt, keep_seconds=60)
