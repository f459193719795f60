"""How much of a web process the admin may take, and what happens to further requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

from project.postgresql.base import DatabaseWrapper
from project.web import admin_share
from project.web.admin_share import AdminShare
from project.web.handler import Handler

Respond = Callable[[], Awaitable[HttpResponseBase]]


class Desk:
    """Requests that are answered when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.arrived = asyncio.Event()
        self.let_go = asyncio.Event()

    async def respond(self) -> HttpResponseBase:
        self.begun += 1
        self.arrived.set()
        await self.let_go.wait()
        return HttpResponse("done")


async def ask(share: AdminShare, respond: Respond) -> HttpResponseBase:
    """In a thread of the request's own, as Django does."""
    async with ThreadSensitiveContext():
        return await share.answer(respond)


@pytest.fixture
def admin_pool() -> Iterator[None]:
    """The pool is the process's; what this test opened must not outlive its database."""
    yield
    if pool := DatabaseWrapper._connection_pools.pop(admin_share.POOL, None):  # type: ignore[attr-defined]
        pool.close()


@pytest.fixture
def cookies(transactional_db: None) -> dict[str, str]:
    """The session cookie of an operator who is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    return {name: morsel.value for name, morsel in client.cookies.items()}


async def test_answers_few_at_once_and_says_when_to_try_again() -> None:
    desk, share = Desk(), AdminShare(max_concurrent=1, wait_seconds=0.01)
    first = asyncio.create_task(ask(share, desk.respond))
    await desk.arrived.wait()

    second = await ask(share, desk.respond)
    desk.let_go.set()

    assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
    assert desk.begun == 1
    assert (await first).status_code == 200


async def test_gives_a_free_permit_to_a_waiting_request() -> None:
    desk, share = Desk(), AdminShare(max_concurrent=1)
    first = asyncio.create_task(ask(share, desk.respond))
    await desk.arrived.wait()
    second = asyncio.create_task(ask(share, desk.respond))
    await asyncio.sleep(0)

    desk.let_go.set()

    assert [(await one).status_code for one in (first, second)] == [200, 200]


async def test_lets_only_so_many_wait() -> None:
    desk, share = Desk(), AdminShare(max_concurrent=1, max_queued=1)
    first = asyncio.create_task(ask(share, desk.respond))
    await desk.arrived.wait()
    second = asyncio.create_task(ask(share, desk.respond))
    await asyncio.sleep(0)

    third = await ask(share, desk.respond)
    desk.let_go.set()

    assert third.status_code == 503
    assert [(await one).status_code for one in (first, second)] == [200, 200]


async def test_a_client_that_leaves_frees_no_permit_while_its_thread_works() -> None:
    desk, share = Desk(), AdminShare(max_concurrent=1, wait_seconds=0.01)
    first = asyncio.create_task(ask(share, desk.respond))
    await desk.arrived.wait()
    first.cancel()

    second = await ask(share, desk.respond)
    desk.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (second.status_code, desk.begun) == (503, 1)
    assert (await ask(share, desk.respond)).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("admin_pool")
async def test_uses_connections_of_its_own_whose_statements_end() -> None:
    seen: dict[str, Any] = {}

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            seen["timeout"] = cursor.fetchone()[0]
        pool = connection.pool  # type: ignore[attr-defined]  # Django's of PostgreSQL
        seen["size"], seen["is_own"] = pool.max_size, pool is not usual

    async def respond() -> HttpResponseBase:
        await sync_to_async(look)()
        return HttpResponse()

    usual = connection.pool  # type: ignore[attr-defined]  # Django's of PostgreSQL
    await ask(AdminShare(max_concurrent=3, statement_seconds=1.5), respond)

    assert seen == {"timeout": "1500ms", "size": 3, "is_own": True}


@pytest.mark.usefixtures("admin_pool")
async def test_ends_a_page_that_takes_too_long_and_says_so(cookies: dict[str, str]) -> None:
    handler = Handler(admin=AdminShare(statement_seconds=0.1))
    transport = httpx.ASGITransport(app=handler)  # type: ignore[arg-type]  # untyped there
    holding = await psycopg.AsyncConnection.connect(_conninfo())
    async with holding, httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as client:
        await holding.execute("LOCK TABLE conversations_run IN ACCESS EXCLUSIVE MODE")
        slow = await client.get("/admin/conversations/run/")
        quick = await client.get("/admin/conversations/account/")

    assert (slow.status_code, quick.status_code) == (503, 200)
    assert "The database took too long" in slow.text


def _conninfo() -> str:
    given = connection.settings_dict
    return psycopg.conninfo.make_conninfo(
        dbname=given["NAME"], user=given["USER"], password=given["PASSWORD"], host=given["HOST"], port=given["PORT"]
    )
