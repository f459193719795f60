"""The events of a turn, their deliveries, and the delivery of a task's answer to its callback URL."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import orjson
from django.db import connection

from conversations import resources
from conversations.dialects.api import tasks
from conversations.models import Conversation, Delivery, DeliveryAttempt, Event, Message, Run, Task
from conversations.queries import tasks as task_queries
from conversations.rules import webhook_retry
from conversations.services.runs import notify
from conversations.services.sample_data import proportions, runs
from conversations.services.sample_data.context import people
from conversations.services.sample_data.copying import timed
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.threads import Thread
from conversations.services.sample_data.wave import Wave
from conversations.services.webhooks import events
from conversations.webhooks import destinations, payloads
from conversations.webhooks.payloads import EventType

# Seconds from a delivery's creation to its second, third, … attempt, and then to its end.
ATTEMPTS_AFTER = [0.0, *accumulate(webhook_retry.SCHEDULE_SECONDS)]
DURATION_MS = (20, 400)
JSON_COLUMNS = ("request", "answer", "usage")
# Of a younger delivery the next attempt would soon be due, and a sender would try it.
LEAST_RETRIED_AGE = timedelta(hours=2)


def add_events(wave: Wave, thread: Thread, run: NewRun, *, is_new: bool) -> None:
    if is_new:
        thread.events += 1
        data = resources.conversation(_conversation(thread))
        _add(wave, thread.owner, EventType.CONVERSATION_CREATED, data, thread.begin, conversation=thread)
    thread.events += 1
    data = notify.event_data(_loaded(wave, run, thread=thread), assisted=people.assisted(thread, run))
    _add(
        wave,
        thread.owner,
        notify.EVENT_TYPES[run.end.status],
        data,
        run.times.finished_at,
        conversation=thread,
        run=run,
    )


def add_unstored_event(wave: Wave, owner: Owner, run: NewRun) -> None:
    data = notify.event_data(_loaded(wave, run))
    _add(wave, owner, notify.EVENT_TYPES[run.end.status], data, run.times.finished_at, run=run)


def _conversation(thread: Thread) -> Conversation:
    return Conversation(pk=thread.pk, public_id=thread.public_id, created_at=thread.begin)


def _loaded(wave: Wave, made: NewRun, *, thread: Thread | None = None) -> Run:
    """The newest run of the wave as the ORM would read it, with the message that it was answered with."""
    row = wave.rows[Run][-1]
    parsed = {name: orjson.loads(row[name]) for name in JSON_COLUMNS if row[name]}
    run = Run(**{**row, **parsed})
    run.conversation = _conversation(thread) if thread else None
    if thread and made.end.has_answer:
        run.answer_messages = {0: Message(parts=orjson.loads(wave.rows[Message][-1]["parts"]))}
    return run


def _add(
    wave: Wave,
    owner: Owner,
    event_type: EventType,
    data: Mapping[str, Any],
    at: datetime,
    *,
    conversation: Thread | None = None,
    run: NewRun | None = None,
) -> None:
    event = {
        "id": next(wave.source.ids[Event]),
        "account_id": owner.pk,
        "conversation_id": conversation.pk if conversation else None,
        "run_id": run.pk if run else None,
        "public_id": timed("evt", at, wave.source.random),
        "type": event_type.value,
        "created_at": at,
    }
    if conversation:
        _number(event, conversation.events, data)
    else:
        wave.unnumbered.append((event, data))
    wave.rows[Event].append(event)
    for endpoint in owner.endpoints:
        until = endpoint.disabled_at
        if until is None or at < until:
            link = {"endpoint_id": endpoint.pk, "event_id": event["id"], "run_id": event["run_id"]}
            target = {"kind": "endpoint", "url": endpoint.url, "destination": endpoint.destination, "body": None}
            _add_delivery(wave, {"account_id": owner.pk, **link, **target}, at=at, until=until)


def _number(event: dict[str, Any], sequence: int, data: Mapping[str, Any]) -> None:
    event["sequence"] = sequence
    event["payload"] = payloads.event(
        event_id=event["public_id"],
        event_type=EventType(event["type"]),
        sequence=sequence,
        created_at=event["created_at"],
        data=data,
    )


def number_events(wave: Wave) -> None:
    """Of accounts, as the service does it, in the transaction that writes them: so the numbers have no gap."""
    with connection.cursor() as cursor:
        # The sweep counts into the rows of several accounts too; who locks them in another order begins anew.
        for event, data in sorted(wave.unnumbered, key=lambda one: one[0]["account_id"]):
            cursor.execute(events.NEXT_IN_ACCOUNT, {"account_id": event["account_id"]})
            _number(event, int(cursor.fetchone()[0]), data)


def add_callback(wave: Wave, run: NewRun, *, thread: Thread | None) -> None:
    task = Task(**runs.task(run))
    task.run = _loaded(wave, run, thread=thread)
    delivery = {
        "account_id": run.account_id,
        "kind": "callback",
        "endpoint_id": None,
        "event_id": None,
        "run_id": run.pk,
        "url": run.callback_url,
        "destination": destinations.from_url(run.callback_url),
        "is_stored": run.request.is_stored,
        "body": tasks.callback(task_queries.state(task)),
    }
    _add_delivery(wave, delivery, at=run.times.finished_at, until=None)


def _add_delivery(wave: Wave, delivery: dict[str, Any], *, at: datetime, until: datetime | None) -> None:
    """`until`: when its endpoint was disabled, if ever. It fails for good, or is sent at the first attempt."""
    random, age = wave.source.random, wave.source.now - at
    failing = random.random() < proportions.FAILED_DELIVERY_SHARE and age > LEAST_RETRIED_AGE
    made, state = (_failing(at, until=until, now=wave.source.now)) if failing else (1, _succeeded(at))
    pk = next(wave.source.ids[Delivery])
    ending = {"attempts_made": made, "schedule_step": made, "created_at": at, "next_attempt_at": at, "is_due": True}
    wave.rows[Delivery].append(
        {"id": pk, "public_id": timed("dlv", at, random), "is_stored": True, **delivery, **ending, **state}
    )
    for number in range(1, made + 1):
        is_answered = not failing or number % 2 == 0
        status = (500 if failing else 200) if is_answered else None
        wave.rows[DeliveryAttempt].append(
            {
                "account_id": delivery["account_id"],
                "delivery_id": pk,
                "number": number,
                "started_at": at + timedelta(seconds=ATTEMPTS_AFTER[number - 1]),
                "duration_ms": random.randint(*DURATION_MS),
                "http_status": status,
                "error": "" if is_answered else "connect",
                "response": "" if status is None else "no" if failing else "ok",
            }
        )


def _succeeded(at: datetime) -> dict[str, Any]:
    return {"status": "succeeded", "finished_at": at + timedelta(milliseconds=DURATION_MS[1])}


def _failing(at: datetime, *, until: datetime | None, now: datetime) -> tuple[int, dict[str, Any]]:
    """How many attempts there have been, and what has become of it: failed, cancelled, or it waits for the next one."""
    last = min(now, until) if until else now
    made = sum(at + timedelta(seconds=after) <= last for after in ATTEMPTS_AFTER)
    if made >= webhook_retry.LAST_STEP:
        return made, {"status": "failed", "finished_at": at + timedelta(seconds=ATTEMPTS_AFTER[-1])}
    if until:
        return made, {"status": "cancelled", "finished_at": until}
    waiting = at + timedelta(seconds=ATTEMPTS_AFTER[made])
    return made, {"status": "pending", "finished_at": None, "next_attempt_at": waiting, "is_due": False}
