from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from conversations import resources
from conversations.models import Conversation, Delivery, DeliveryAttempt, Event, Run, SigningSecret, WebhookEndpoint
from conversations.resources.webhooks import callback_secrets
from conversations.resources.webhooks import endpoints as webhook_endpoints

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
TIME = "2026-05-04T03:02:01Z"
LATER, LATER_TIME = AT + timedelta(days=1), "2026-05-05T03:02:01Z"


def holding(row: Any, **related: list[Any]) -> Any:
    """The row as if its related rows had been prefetched."""
    row._prefetched_objects_cache = {}
    for name, rows in related.items():
        prefetched = getattr(row, name).none()
        prefetched._result_cache = rows
        row._prefetched_objects_cache[name] = prefetched
    return row


def endpoint(*secrets: SigningSecret, **more: Any) -> WebhookEndpoint:
    fields: dict[str, Any] = {
        "pk": 1,
        "public_id": "whe_1",
        "url": "https://a.example/",
        "events": ["*"],
        "description": "",
        "disabled_reason": "",
        "created_at": AT,
    }
    made: WebhookEndpoint = holding(WebhookEndpoint(**fields | more), secrets=[*secrets])
    return made


ENDPOINT = {
    "id": "whe_1",
    "object": "webhook_endpoint",
    "url": "https://a.example/",
    "events": ["*"],
    "description": "",
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_expires_at": None,
    "created_at": TIME,
}


def delivery(*attempts: DeliveryAttempt, **more: Any) -> Delivery:
    fields: dict[str, Any] = {
        "pk": 1,
        "public_id": "dlv_1",
        "kind": "endpoint",
        "status": "pending",
        "url": "https://a.example/",
        "endpoint": WebhookEndpoint(public_id="whe_1"),
        "event": Event(public_id="evt_1", type="run.failed"),
        "run": Run(public_id="run_1"),
        "attempts_made": len(attempts),
        "created_at": AT,
        "next_attempt_at": LATER,
    }
    made: Delivery = holding(Delivery(**fields | more), attempts=[*attempts])
    return made


def attempt(number: int, **more: Any) -> DeliveryAttempt:
    fields: dict[str, Any] = {"number": number, "started_at": AT, "duration_ms": 5, "error": "", "response": ""}
    return DeliveryAttempt(**fields | more)


def test_writes_a_conversation() -> None:
    written = orjson.dumps(resources.conversation(Conversation(public_id="thread", created_at=AT)))

    assert written == orjson.dumps({"id": "thread", "object": "conversation", "created_at": TIME})


def test_writes_an_endpoint_in_a_fixed_order() -> None:
    assert orjson.dumps(resources.endpoint(endpoint())) == orjson.dumps(ENDPOINT)


def test_an_endpoint_with_its_secret_is_the_endpoint_and_the_secret() -> None:
    written = orjson.dumps(webhook_endpoints.with_secret(endpoint(), "whsec_x"))

    assert written == orjson.dumps({**ENDPOINT, "secret": "whsec_x"})


def test_a_disabled_endpoint_says_when_and_why() -> None:
    off = endpoint(disabled_at=AT, disabled_reason="Gone.", failing_since=AT)

    assert resources.endpoint(off) == {
        **ENDPOINT,
        "enabled": False,
        "disabled_at": TIME,
        "disabled_reason": "Gone.",
        "failing_since": TIME,
    }


def test_an_endpoint_shows_the_latest_end_of_its_secrets() -> None:
    ends = [SigningSecret(expires_at=at) for at in (AT, None, LATER)]

    assert resources.endpoint(endpoint(*ends)) == {**ENDPOINT, "previous_secret_expires_at": LATER_TIME}


@pytest.mark.parametrize(("at", "shown"), [(None, None), (AT, TIME)])
def test_writes_a_callback_secret(at: datetime | None, shown: str | None) -> None:
    secret = {"secret": "whsec_x", "previous_secret_expires_at": at}

    written = orjson.dumps(callback_secrets.CALLBACK_SECRET.to_representation(secret))

    assert written == orjson.dumps(
        {"object": "callback_secret", "secret": "whsec_x", "previous_secret_expires_at": shown}
    )


def test_an_event_is_what_was_sent_to_the_letter() -> None:
    sent = {"id": "evt_1", "type": "run.failed", "timestamp": TIME, "sequence": 3, "data": {"b": 1, "a": None}}

    event = resources.event(Event(payload=orjson.dumps(sent).decode(), public_id="evt_other"))

    assert orjson.dumps(event) == orjson.dumps(sent)


def test_an_erased_event_keeps_its_head() -> None:
    erased = Event(payload=None, public_id="evt_1", type="run.failed", created_at=AT, sequence=3)

    assert orjson.dumps(resources.event(erased)) == orjson.dumps(
        {"id": "evt_1", "type": "run.failed", "timestamp": TIME, "sequence": 3, "data": None}
    )


def test_writes_a_delivery_of_an_event_with_its_attempts() -> None:
    written = resources.delivery(
        delivery(attempt(1, error="connect_failed"), attempt(2, http_status=500, response="no"))
    )

    assert orjson.dumps(written) == orjson.dumps(
        {
            "id": "dlv_1",
            "object": "delivery",
            "kind": "endpoint",
            "status": "pending",
            "url": "https://a.example/",
            "webhook_id": "evt_1",
            "endpoint": "whe_1",
            "event": "evt_1",
            "event_type": "run.failed",
            "run": "run_1",
            "created_at": TIME,
            "next_attempt_at": LATER_TIME,
            "finished_at": None,
            "attempts": [
                {
                    "number": 1,
                    "started_at": TIME,
                    "duration_ms": 5,
                    "http_status": None,
                    "error": "connect_failed",
                    "response": "",
                },
                {
                    "number": 2,
                    "started_at": TIME,
                    "duration_ms": 5,
                    "http_status": 500,
                    "error": None,
                    "response": "no",
                },
            ],
        }
    )


def test_a_callback_that_arrived_has_no_event_and_no_next_attempt() -> None:
    arrived = delivery(kind="callback", status="succeeded", endpoint=None, event=None, finished_at=AT)

    written = resources.delivery(arrived)

    assert (written["webhook_id"], written["endpoint"], written["event"], written["event_type"]) == (
        "dlv_1",
        None,
        None,
        None,
    )
    assert (written["next_attempt_at"], written["finished_at"], written["attempts"]) == (None, TIME, [])


def test_an_attempt_that_is_under_way_is_not_shown() -> None:
    claimed = delivery(attempt(1, http_status=500), attempt(2, http_status=200), claimed_until=LATER)

    assert [shown["number"] for shown in resources.delivery(claimed)["attempts"]] == [1]
