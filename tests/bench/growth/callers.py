"""Polls of tasks, lists of our own API and pages of the admin, each by PostgreSQL's time and by the caller's."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import requests

from tests.bench.growth import Measured
from tests.bench.growth.rows import Longest
from tests.bench.growth.statements import Probe
from tests.bench.service.environment import ADMIN_PASSWORD

ADMIN_USER = "admin"
TIMEOUT_SECONDS = 120.0
OK = 200
Ask = Callable[[], bool]


class Caller:
    def __init__(self, base_url: str, *, key: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> bool:
        return self._session.get(f"{self._base_url}{path}", timeout=TIMEOUT_SECONDS).status_code == OK

    def post(self, path: str, fields: dict[str, Any], *, headers: dict[str, str] | None = None) -> requests.Response:
        return self._session.post(f"{self._base_url}{path}", json=fields, headers=headers, timeout=TIMEOUT_SECONDS)

    def poll(self, **fields: Any) -> bool:
        return self.post("/aichat/tasks", fields).status_code == OK


class Admin:
    """Logged in as a browser."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        page = self._session.get(f"{base_url}/admin/login/", timeout=TIMEOUT_SECONDS)
        given = {"username": ADMIN_USER, "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": _token(page.text)}
        self._session.post(f"{base_url}/admin/login/?next=/admin/", given, timeout=TIMEOUT_SECONDS).raise_for_status()

    def get(self, path: str) -> bool:
        """Whether there is such a page; a filter that does not exist leads to another one."""
        page = self._session.get(f"{self._base_url}{path}", allow_redirects=False, timeout=TIMEOUT_SECONDS)
        return page.status_code == OK

    def token(self, path: str) -> str:
        """What a form of this page brings along."""
        return _token(self._session.get(f"{self._base_url}{path}", timeout=TIMEOUT_SECONDS).text)

    def post(self, path: str, fields: dict[str, Any], *, token: str) -> requests.Response:
        given = {**fields, "csrfmiddlewaretoken": token}
        return self._session.post(f"{self._base_url}{path}", given, timeout=TIMEOUT_SECONDS)


def _token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    return found[1]


def polls(caller: Caller, *, task_id: str, trace_id: str) -> Iterator[tuple[str, Ask]]:
    yield "task by id", partial(caller.poll, id=task_id)
    yield "task by trace_id", partial(caller.poll, trace_id=trace_id)
    yield "task by unknown trace_id", partial(caller.poll, trace_id="00000000-0000-4000-8000-000000000000")
    many = partial(caller.poll, action="retrieve_batch")
    yield "tasks, newest", many
    yield "tasks by 2 trace_ids", partial(many, trace_ids=[trace_id, "00000000-0000-4000-8000-000000000000"])
    for operation in ("chat", "embedding"):
        yield f"tasks, type={operation}", partial(many, type=operation)


def lists(caller: Caller, *, late: Caller, longest: Longest) -> Iterator[tuple[str, Ask]]:
    yield "runs, newest", partial(caller.get, "/api/v1/runs")
    for status in ("in_progress", "completed", "failed", "cancelled", "incomplete"):
        yield f"runs, {status}", partial(caller.get, f"/api/v1/runs?status={status}")
    yield "late account: runs, failed", partial(late.get, "/api/v1/runs?status=failed")
    yield "runs of the longest conversation", partial(caller.get, f"/api/v1/runs?conversation={longest.public_id}")
    yield "late account: events, oldest", partial(late.get, "/api/v1/events")
    yield "late account: events, cancelled", partial(late.get, "/api/v1/events?type=run.cancelled")
    yield "late account: deliveries, newest", partial(late.get, "/api/v1/deliveries")
    for status in ("pending", "failed"):
        yield f"late account: deliveries, {status}", partial(late.get, f"/api/v1/deliveries?status={status}")


def pages(admin: Admin, *, account: int, longest: Longest) -> Iterator[tuple[str, Ask]]:
    of_account = f"account__id__exact={account}"
    for kind, queries in {
        "run": ("", "status__exact=failed", "status__exact=incomplete", "status__exact=in_progress", of_account),
        "conversation": ("", of_account, "state=deleted", f"q={longest.public_id}"),
        "event": ("", "event_type=run.cancelled", of_account),
        "delivery": ("", "status__exact=failed", "status__exact=pending", of_account),
    }.items():
        for query in queries:
            shown = query.replace(of_account, "of an account").replace(longest.public_id, "id")
            yield f"admin: {kind} {shown or 'list'}", partial(admin.get, f"/admin/conversations/{kind}/?{query}")
    both = f"/admin/conversations/run/?{of_account}&status__exact=incomplete"
    yield "admin: run of an account, incomplete", partial(admin.get, both)
    page = f"/admin/conversations/conversation/{longest.pk}/change/"
    yield "admin: page of the longest conversation", partial(admin.get, page)


def measured(probe: Probe, asked: Iterator[tuple[str, Ask]]) -> Measured:
    found: Measured = {}
    for name, ask in asked:
        times = probe.ms(ask)
        found[f"{name}: PostgreSQL ms"], found[f"{name}: all ms"] = times or (None, None)
    return found
