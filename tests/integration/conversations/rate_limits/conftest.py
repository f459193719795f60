"""Web processes with limiters of their own, which share a Valkey."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import redis
from django.conf import settings

from conversations.rate_limits import limiter
from conversations.rate_limits.limiter import connect
from tests.builders.limits import SLOW, Taker

Process = Callable[..., Taker]


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not taken for a store that hangs, but where one does."""
    if "silent" not in request.fixturenames:
        monkeypatch.setattr(limiter, "COMMAND_TIMEOUT_SECONDS", 30.0)
        monkeypatch.setattr(limiter, "TAKE_TIMEOUT_SECONDS", 30.0)


@pytest.fixture
async def process(valkey: redis.Redis) -> AsyncIterator[Process]:
    """Makes a limiter with a connection of its own, as each web process has one."""
    async with AsyncExitStack() as stack:

        def begin(*, per_minute: int = SLOW, url: str = settings.REDIS_URL) -> Taker:
            client = connect(url)
            stack.push_async_callback(client.aclose)
            return Taker(client, per_minute=per_minute)

        yield begin
