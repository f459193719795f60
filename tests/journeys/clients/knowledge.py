"""A client of `/api/v1/knowledge`."""

from typing import Any

import requests

from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import call
from tests.waiting import eventually


def make_base(api: Api, **fields: Any) -> str:
    return str(call(api, "POST", "knowledge", status=201, json={"name": new_id(), **fields})["id"])


def add(api: Api, base: str, **fields: Any) -> Json:
    return call(api, "POST", f"knowledge/{base}/documents", status=202, json=fields)


def upload(api: Api, base: str, data: bytes, *, file_name: str = "a.txt", status: int = 202, **fields: str) -> Json:
    url = f"{api.base_url}/api/v1/knowledge/{base}/documents"
    headers = {"Authorization": f"Bearer {api.key}"}
    response = requests.post(url, files={"file": (file_name, data)}, data=fields, headers=headers, timeout=60)
    assert response.status_code == status, response.text
    return dict(response.json())


def show(api: Api, base: str, document: str, *, status: int = 200) -> Json:
    return call(api, "GET", f"knowledge/{base}/documents/{document}", status=status)


def ended(api: Api, base: str, document: str, *, within: float = 30.0) -> Json:
    """The document, once it is ready or has failed."""
    return eventually(
        lambda: show(api, base, document), lambda shown: shown["status"] in ("ready", "failed"), within=within
    )


def delete(api: Api, base: str, document: str, *, status: int = 200) -> Json:
    return call(api, "DELETE", f"knowledge/{base}/documents/{document}", status=status)
