"""Attacks by requests that need no key: wrong logins, wrong keys, the schema."""

import re
from collections.abc import Iterable

import httpx

from tests.attacks.concurrent_requests import send_all
from tests.attacks.target import HOST, Attack, Target


def wrong_logins(target: Target) -> Iterable[object]:
    """150 wrong logins at once, all with the operator's name."""
    with target.client(key="") as client:
        page = client.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"csrfmiddlewaretoken": token[1] if token else "", "username": "admin", "password": "wrong"}
        referer = {"Referer": f"http://{HOST}:{target.port}/admin/login/"}
        return send_all(lambda _: client.post("/admin/login/", data=form, headers=referer), count=150, threads=150)


def wrong_keys(target: Target) -> Iterable[object]:
    """10,000 different wrong keys, 64 at a time."""
    with target.client(key="") as client:

        def request(number: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer sk-wrong-{number:020d}"}
            return client.post("/aichat/conversations", headers=headers, json={"model": "echo", "question": "hi"})

        return send_all(request, count=10_000, threads=64)


def schema(target: Target) -> Iterable[object]:
    """3,000 requests for the schema, 64 at a time."""
    with target.client(key="") as client:
        return send_all(lambda _: client.get("/api/schema"), count=3_000, threads=64)


ATTACKS: dict[str, Attack] = {"wrong-logins": wrong_logins, "wrong-keys": wrong_keys, "schema": schema}
