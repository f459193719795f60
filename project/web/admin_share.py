"""The admin's own small share of a web process: few requests at once, on database connections of their own.

Its passwords are dear to check and its searches long. Whoever besieges the login or searches three million rows takes
no thread and no connection from the API.
"""

import asyncio
from collections.abc import Awaitable, Callable

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.http.response import HttpResponseBase

from conversations.admin.site import error_page
from project.postgresql.base import DatabaseWrapper

# Requests at once, and so database connections.
PLACES = 4
# Beside those. Each holds its body, if no more than that.
WAITING_MAX = 32
WAIT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
# The name of the pool, which Django keeps by alias.
POOL = "admin"


class AdminShare:
    """It belongs to one event loop."""

    def __init__(
        self,
        *,
        places: int = PLACES,
        waiting_max: int = WAITING_MAX,
        wait_seconds: float = WAIT_SECONDS,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> None:
        self._places = asyncio.Semaphore(places)
        self._size = places
        self._waiting_max = waiting_max
        self._waiting = 0
        self._wait_seconds = wait_seconds
        self._statement_seconds = statement_seconds

    async def answer(self, respond: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
        """What `respond` gives, or 503 when no place comes free in time.

        Whoever leaves frees no place: the thread that answers works on, and its end is waited for.
        """
        if not await self._enter():
            return error_page.page(
                title="The admin is busy",
                advice="Other requests of it take all its places. Try again in a moment.",
                status=503,
                retry_after=1,
            )
        answering = asyncio.create_task(self._answer(respond))
        answering.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            await asyncio.wait([answering])
            raise

    async def _enter(self) -> bool:
        if self._waiting >= self._waiting_max:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _answer(self, respond: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
        """Within Django's ThreadSensitiveContext: all sync calls of a request are made in one thread, its own."""
        try:
            await sync_to_async(self._use_own_connection)()
            return await respond()
        finally:
            # Not only when the response was sent: who reads it slowly would hold the connection.
            await sync_to_async(connections.close_all)()

    def _use_own_connection(self) -> None:
        """Gives this thread another connection under the usual name, so services and queries need not know."""
        given = connections.settings[DEFAULT_DB_ALIAS]
        options = given["OPTIONS"]
        # In milliseconds. Of two that are given PostgreSQL takes the last.
        timeout = f"-c statement_timeout={self._statement_seconds * 1000:.0f}"
        own = {
            **options,
            "pool": {**options["pool"], "max_size": self._size},
            "options": f"{options.get('options', '')} {timeout}".strip(),
        }
        connections[DEFAULT_DB_ALIAS] = DatabaseWrapper({**given, "OPTIONS": own}, POOL)
