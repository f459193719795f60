"""The admin's own small share of a web process: few requests at once, on database connections of their own.

Its passwords are expensive to check and its searches are long. A flood of logins, or a search of three million rows,
takes no thread and no connection from the API.
"""

import asyncio
from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.http.response import HttpResponseBase

from conversations.admin.site import error_page
from project.postgresql.base import DatabaseWrapper

# Also the number of database connections.
MAX_CONCURRENT: int = settings.POOL_SIZES.admin
# Each of these holds its body, but no thread and no connection.
MAX_QUEUED = 32
WAIT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
# The alias by which Django keeps the connection pool.
POOL = "admin"


class AdminShare:
    """Belongs to one event loop. `wait_seconds`: for a request in the queue; `statement_seconds`: for one statement."""

    def __init__(
        self,
        *,
        max_concurrent: int = MAX_CONCURRENT,
        max_queued: int = MAX_QUEUED,
        wait_seconds: float = WAIT_SECONDS,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> None:
        self._permits = asyncio.Semaphore(max_concurrent)
        self._max_concurrent = max_concurrent
        self._max_queued = max_queued
        self._waiting = 0
        self._wait_seconds = wait_seconds
        self._statement_seconds = statement_seconds

    async def answer(self, respond: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
        """The response of `respond`, or 503 when the request's turn does not come in time.

        When the client goes away, its thread works on: its end is waited for before the next request has its turn.
        """
        if not await self._enter():
            return error_page.page(
                title="The admin is busy",
                advice="It is answering as many requests as it can. Try again in a moment.",
                status=503,
                retry_after=1,
            )
        answering = asyncio.create_task(self._answer(respond))
        answering.add_done_callback(lambda _: self._permits.release())
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            await asyncio.wait([answering])
            raise

    async def _enter(self) -> bool:
        if self._waiting >= self._max_queued:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._permits.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _answer(self, respond: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
        """Runs in Django's ThreadSensitiveContext: all sync calls of a request are made in one thread of its own."""
        try:
            await sync_to_async(self._use_own_connection)()
            return await respond()
        finally:
            # Before the response is sent: a client that reads slowly would hold the connection.
            await sync_to_async(connections.close_all)()

    def _use_own_connection(self) -> None:
        """Replaces this thread's default connection, so that services and queries need no change."""
        given = connections.settings[DEFAULT_DB_ALIAS]
        options = given["OPTIONS"]
        # In milliseconds. When an option is given twice, PostgreSQL takes the last.
        timeout = f"-c statement_timeout={self._statement_seconds * 1000:.0f}"
        own = {
            **options,
            "pool": {**options["pool"], "max_size": self._max_concurrent},
            "options": f"{options.get('options', '')} {timeout}".strip(),
        }
        connections[DEFAULT_DB_ALIAS] = DatabaseWrapper({**given, "OPTIONS": own}, POOL)
