"""A client that polls tasks, and verifies callbacks."""

from typing import Any

import requests
import standardwebhooks

from tests.fakes.receiver import Posted
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api
from tests.waiting import eventually

LATER: Json = {"async": True}


def poll(api: Api, **fields: Any) -> Json:
    response = requests.post(f"{api.base_url}/aichat/tasks", json=fields, headers=api.headers, timeout=30)
    assert response.status_code == 200, response.text
    return dict(response.json())


def ended(api: Api, task_id: str) -> Json:
    return eventually(lambda: poll(api, action="retrieve", id=task_id), lambda task: task["response"] is not None)


def secret(api: Api) -> str:
    response = requests.get(f"{api.base_url}/api/v1/callback_secret", headers=api.headers, timeout=30)
    return str(response.json()["secret"])


def verified(posted: Posted, key: str) -> Json:
    return dict(standardwebhooks.Webhook(key).verify(posted.body, dict(posted.headers)))
