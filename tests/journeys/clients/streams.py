"""A client of a run's stream: later readers of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import requests

from tests.fakes.replies import says
from tests.journeys.clients.aichat import Api

TEXT = ("Hel", "lo, 你", "好 🙂", " a\r\nb", "\u2028!")
WHOLE = "".join(TEXT)
# Each piece becomes an event of its own.
APART = says(*TEXT).apart()
ID = re.compile(r"id: (\d+)\n")
PING = ": PING"


def attach(
    api: Api, run_id: str, *, headers: dict[str, str] | None = None, stream: bool = False, **query: Any
) -> requests.Response:
    url = f"{api.base_url}/api/v1/runs/{run_id}/stream"
    bearer = {"Authorization": f"Bearer {api.key}"}
    return requests.get(url, headers={**bearer, **(headers or {})}, params=query, stream=stream, timeout=30)


def events(response: requests.Response) -> list[str]:
    """The SSE events of a complete response, without keep-alives."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.content.endswith(b"\n\n")
    return [event for event in response.text.removesuffix("\n\n").split("\n\n") if event != PING]


def position(event: str) -> int:
    found = ID.match(event)
    assert found, event
    return int(found[1])


def text(found: list[str]) -> str:
    """The text of the events; the last is [DONE]."""
    assert found[-1].endswith("data: [DONE]")
    return "".join(json.loads(event.partition("\ndata: ")[2])["delta_answer"] for event in found[:-1])


def after(found: list[str], place: int) -> list[str]:
    return [event for event in found if position(event) > place]


def blocks(response: requests.Response) -> Iterator[str]:
    """SSE events one by one, as they arrive."""
    rest = b""
    for chunk in response.iter_content(chunk_size=None):
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from (event.decode() for event in whole if event != PING.encode())
