"""Webhooks as their customer sees them: endpoints made, deliveries listed, and what arrived proven genuine."""

from typing import Any

import requests
import standardwebhooks

from tests.fakes.receiver import Posted
from tests.journeys.clients.aichat import Api, Json


def call(api: Api, method: str, tail: str, *, status: int = 200, **more: Any) -> Json:
    """What the account's API answers to a request that ends in `status`."""
    response = requests.request(method, f"{api.base_url}/api/v1/{tail}", headers=api.headers, timeout=30, **more)
    assert response.status_code == status, response.text
    return dict(response.json())


def make(api: Api, url: str, *event_types: str) -> Json:
    """An endpoint, with its secret; told of everything when no types are given."""
    return call(api, "POST", "webhook_endpoints", status=201, json={"url": url, "events": [*event_types] or ["*"]})


def ledger(api: Api, **query: str) -> list[Json]:
    """The account's deliveries, the newest first."""
    return list(call(api, "GET", "deliveries", params=query)["results"])


def verified(posted: Posted, key: str) -> Json:
    """What it says. Raises WebhookVerificationError unless it was signed with `key`, just now."""
    told = standardwebhooks.Webhook(key).verify(posted.body, dict(posted.headers))
    assert posted.headers["webhook-id"] == told["id"]
    assert posted.headers["content-type"] == "application/json"
    return dict(told)
