"""Rows for the tests of services, made the way the product makes them."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from conversations import ids
from conversations.models import Account, ApiKey, Conversation, Message, Run, Worker
from conversations.relay import codec, log_marker
from conversations.relay.publish import Flusher, LiveLog
from conversations.rules import api_keys
from conversations.services import workers
from conversations.services.accounts import accounts
from conversations.services.runs import accept as accepting
from conversations.services.runs import claim as claiming
from conversations.services.runs import finish, records
from conversations.services.runs.accept import AcceptedRun
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.finish import AttemptReport
from conversations.services.runs.records import PromptInputs
from conversations.stores import redis_clients
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, Preconditions, ReferenceGiven, RunRequest
from conversations.values.runs import RunEnded, RunStatus
from conversations.workers.runs import history as histories
from conversations.workers.runs.history import HistoryCache
from providers.assembly import Answer
from providers.events import StreamEvent, TextDelta
from providers.messages import Message as Said
from providers.messages import Role, TextPart, Usage

WINDOW = 8192


def account(name: str = "ann") -> Account:
    return accounts.get_or_create(name=name)


def worker(*, queue: str = "runs", threads: int = 64) -> int:
    name = ids.new_run_id()
    log_marker.keep(redis_clients.client(), worker_name=name, has_published=False)
    return workers.register(name=name, queue=queue, threads=threads)


def caller(owner: Account, *, may_begin_conversations: bool = True, may_take_keys: bool = True) -> Caller:
    """Whoever holds the account's one key here."""
    secret = f"sk-{owner.pk}"
    key, _ = ApiKey.objects.get_or_create(
        account=owner, prefix=api_keys.prefix(secret), key_hash=api_keys.hash_key(secret)
    )
    return Caller(
        account_id=owner.pk,
        api_key_id=key.pk,
        may_begin_conversations=may_begin_conversations,
        may_take_idempotency_keys=may_take_keys,
    )


def accept(
    owner: Account,
    question: str = "Hello",
    *,
    conversation_id: str = "thread",
    is_stored: bool = True,
    preset: str | None = None,
    references: tuple[ReferenceGiven, ...] = (),
    is_streamed: bool = False,
    preconditions: Preconditions = accepting.UNCONDITIONAL,
    task: NewTask | None = None,
    **may: bool,
) -> AcceptedRun:
    request = RunRequest(
        dialect="aichat",
        model="gpt-4",
        messages=(Said(Role.USER, (TextPart(question),)),),
        conversation_id=conversation_id,
        is_stored=is_stored,
        preset=preset,
        references=references,
    )
    run_id = ids.new_run_id()
    run = NewRun(
        run_id=run_id,
        channel=codec.channel("inbox", run_id),
        trace_id=uuid.uuid4(),
        context_window=WINDOW,
        is_streamed=is_streamed,
    )
    return accepting.accept(request, preconditions, task, caller=caller(owner, **may), run=run)


def start(owner: Account, question: str = "Hello", **more: Any) -> Run:
    return Run.objects.get(pk=accept(owner, question, **more).pk)


def claim(run: Run, *, worker_id: int | None = None) -> ClaimedRun:
    claimed = claiming.claim(run_id=run.pk, worker_id=worker_id or worker())
    assert claimed is not None
    return claimed


def inputs(claimed: ClaimedRun) -> PromptInputs:
    return records.load_prompt_inputs(request=claimed.request_json, parameters=claimed.parameters_json)


def history(claimed: ClaimedRun, cache: HistoryCache | None = None) -> list[str]:
    """The texts before the run's own, oldest first, as a process reads them that knows what `cache` holds."""
    read = histories.read(claimed, cache=cache or HistoryCache(), now=0.0)
    return [message.text for message in read.messages]


def report(
    text: str = "Hi.",
    *,
    status: RunStatus = RunStatus.COMPLETED,
    code: str = "",
    usage: Usage | None = None,
    log: Sequence[StreamEvent] = (),
) -> AttemptReport:
    """`log`: the events the text came in, one unless told."""
    return AttemptReport(
        worker_name="w1",
        answers=(Answer(0, (TextPart(text),), "stop"),) if text else (),
        log_shape=codec.shape(log or [TextDelta(text)] * bool(text)),
        ended=RunEnded(status=status, finish_reasons=("stop",), usage=usage, error_code=code, error_message=code),
        upstream_request_id="req-1",
        upstream_calls=1,
    )


def answered(owner: Account, question: str = "Hello", answer: str = "Hi.", **more: Any) -> Run:
    run = start(owner, question, **more)
    assert finish.finish(run=claim(run), report=report(answer))
    run.refresh_from_db()
    return run


def conversation(owner: Account, public_id: str = "thread") -> Conversation:
    return Conversation.objects.for_account(owner).get(public_id=public_id)


def thread(owner: Account, public_id: str = "thread") -> list[str]:
    """The texts from the root to the head."""
    found: list[str] = []
    node = conversation(owner, public_id).head
    while node is not None:
        found.insert(0, node.parts[0]["text"])
        node = node.parent
    return found


def messages(run: Run) -> list[tuple[str, str]]:
    return [(row.role, row.parts[0]["text"]) for row in Message.objects.filter(run=run).order_by("pk")]


def answer(run: Run) -> str | None:
    """The text that the run's own row keeps."""
    run.refresh_from_db()
    return str(run.answer["choices"][0]["parts"][0]["text"]) if run.answer else None


@contextmanager
def refused(constraint: str) -> Iterator[None]:
    """The database refuses what is done inside, at the end of the transaction at the latest, by this constraint."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():  # noqa: PT012 — either may raise
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert f'"{constraint}"' in str(caught.value)


def die(run: Run, *, seconds: float = 9.0) -> None:
    """The run's worker was last heard of this long ago."""
    Worker.objects.filter(runs=run).update(heartbeat_at=Now() - timedelta(seconds=seconds))


def age(run: Run, *, seconds: float, column: str) -> None:
    Run.objects.filter(pk=run.pk).update(**{column: F(column) - timedelta(seconds=seconds)})


def state(run: Run) -> tuple[str, int, int, str]:
    """Its status, attempts begun and lost, and error code, as they are now."""
    run.refresh_from_db()
    return run.status, run.attempt, run.attempts_lost, run.error_code


def live_log(valkey: redis.Redis, run: Run, *, attempt: int = 1) -> LiveLog:
    return LiveLog(flusher=Flusher(valkey), run_id=run.public_id, channel=run.channel, attempt=attempt, keep_seconds=60)
