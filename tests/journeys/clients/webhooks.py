"""A client of the webhook API, and the verification of what a receiver got."""

from typing import Any

import requests
import standardwebhooks

from tests.fakes.receiver import Posted
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api


def call(api: Api, method: str, tail: str, *, status: int = 200, **more: Any) -> Json:
    """The JSON body of a response with this status."""
    response = requests.request(method, f"{api.base_url}/api/v1/{tail}", headers=api.headers, timeout=30, **more)
    assert response.status_code == status, response.text
    return dict(response.json())


def make(api: Api, url: str, *event_types: str) -> Json:
    """Make an endpoint; returns it with its secret. Without types it gets every event."""
    return call(api, "POST", "webhook_endpoints", status=201, json={"url": url, "events": [*event_types] or ["*"]})


def list_deliveries(api: Api, **query: str) -> list[Json]:
    """The account's deliveries, the newest first."""
    return list(call(api, "GET", "deliveries", params=query)["results"])


def verified(posted: Posted, key: str) -> Json:
    """The event in it. Raises WebhookVerificationError unless it was signed with `key` just now."""
    event = standardwebhooks.Webhook(key).verify(posted.body, dict(posted.headers))
    assert posted.headers["webhook-id"] == event["id"]
    assert posted.headers["content-type"] == "application/json"
    return dict(event)
