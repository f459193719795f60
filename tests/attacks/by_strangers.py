"""By requests that need no key: wrong logins, wrong keys, the schema."""

import re
from collections.abc import Iterable

import httpx

from tests.attacks.at_once import asked
from tests.attacks.ground import HOST, Attack, Ground


def wrong_logins(ground: Ground) -> Iterable[object]:
    """150 at once, all for the operator's name."""
    with ground.client(key="") as client:
        page = client.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"csrfmiddlewaretoken": token[1] if token else "", "username": "admin", "password": "wrong"}
        referer = {"Referer": f"http://{HOST}:{ground.port}/admin/login/"}
        return asked(lambda _: client.post("/admin/login/", data=form, headers=referer), count=150, threads=150)


def wrong_keys(ground: Ground) -> Iterable[object]:
    """10,000, each another one, 64 at a time."""
    with ground.client(key="") as client:

        def request(number: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer sk-wrong-{number:020d}"}
            return client.post("/aichat/conversations", headers=headers, json={"model": "echo", "question": "hi"})

        return asked(request, count=10_000, threads=64)


def schema(ground: Ground) -> Iterable[object]:
    """3,000 times the document, 64 at a time."""
    with ground.client(key="") as client:
        return asked(lambda _: client.get("/api/schema"), count=3_000, threads=64)


ATTACKS: dict[str, Attack] = {"wrong-logins": wrong_logins, "wrong-keys": wrong_keys, "schema": schema}
