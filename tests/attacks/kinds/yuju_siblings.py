"""Attacks on the siblings of Yuju's chat: actions and documents whose servers never answer, contacts, messages."""

from collections.abc import Iterable
from typing import Any

import httpx

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import VENDOR_MODEL, Attack, Target

FAMILY = "/v1/openapi"
CONTACTS = 300


def hanging_actions(target: Target) -> Iterable[object]:
    """100 executions of an action that never answers, 32 at a time."""
    with target.client() as client:
        url = f"http://127.0.0.1:{target.sink_port}/"
        tool = _made(client, "/api/v1/tools", name="hangs", url=url, timeout_seconds=120)
        assistant = _made(client, "/api/v1/assistants", name="calls", model=VENDOR_MODEL)
        body = {"instructions": "call", "ibotID": assistant}
        path = f"{FAMILY}/exposed/{tool}/execute"
        return send_all(lambda _: client.post(path, json=body), count=100, threads=32)


def hanging_documents(target: Target) -> Iterable[object]:
    """2,000 files at URLs that never answer, 16 at a time; every second is then replaced."""
    with target.client() as client:
        base = _made(client, "/api/v1/knowledge", name="attacked")
        url = f"http://127.0.0.1:{target.sink_port}/"

        def add(number: int) -> httpx.Response:
            added = client.post(f"{FAMILY}/kbs-add-content/{base}", json={"c_type": 3, "file_url": f"{url}{number}"})
            if number % 2 or added.is_error:
                return added
            file_id = added.json()["Data"]["file_id"]
            body = {"repo_id": base, "file_id": file_id, "file_url": f"{url}again/{number}"}
            return client.put(f"{FAMILY}/kbs-update-content", json=body)

        return send_all(add, count=2_000, threads=16)


def contacts(target: Target) -> Iterable[object]:
    """300 contacts, then 2,000 searches by a part of their names, 16 at a time."""
    with target.client() as client:
        send_all(lambda number: _contact(client, number), count=CONTACTS, threads=8)
        part = {"filter_key": "name", "filter_condition": "contain", "filter_value": "a"}
        body = {"filter": [part]}
        return send_all(lambda _: client.post(f"{FAMILY}/contacts", json=body), count=2_000, threads=16)


def messages(target: Target) -> Iterable[object]:
    """2,000 messages of 20,000 characters to one contact, 16 at a time."""
    with target.client() as client:
        body = {"user_id": _contact(client, 0).json()["Data"]["id"], "content": "字" * 20_000}
        return send_all(lambda _: client.post(f"{FAMILY}/send-to-user", json=body), count=2_000, threads=16)


def _contact(client: httpx.Client, number: int) -> httpx.Response:
    return client.post(f"{FAMILY}/contacts/add", json={"contact": {"name": f"a contact {number}"}})


def _made(client: httpx.Client, path: str, **fields: Any) -> str:
    return str(client.post(path, json=fields).raise_for_status().json()["id"])


ATTACKS: dict[str, Attack] = {
    "hanging-actions": hanging_actions,
    "hanging-documents": hanging_documents,
    "contacts": contacts,
    "messages": messages,
}
