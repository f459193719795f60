"""A turn whose sources are gathered, by a process that searches a web on loopback."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from conversations.models import Account
from conversations.outbound import addresses
from conversations.routing.targets import RoutedTarget
from conversations.services.runs.records import PromptInputs
from conversations.values.context.sources import ContextAsked, Gathered
from conversations.workers.runs.context import gather
from conversations.workers.runs.history import History
from conversations.workers.runs.process import RunHandle, WorkerProcess
from providers.catalog import Target
from providers.messages import Message, Role, TextPart
from tests import builders
from tests.fakes.web import FakeWeb

Gathers = Callable[..., Gathered | None]


@pytest.fixture
def web(settings: Settings) -> Iterator[FakeWeb]:
    settings.OUTBOUND_ALLOW = addresses.ranges(["127.0.0.0/8"])
    with FakeWeb() as fake:
        settings.SEARCH_SETTINGS = {"SEARXNG_URL": fake.base_url}
        yield fake


@pytest.fixture
def gathers(ann: Account, process: WorkerProcess) -> Gathers:
    """What a turn gathers. `asked` are fields of ContextAsked; `searches`: whether each of its models searches."""
    claimed = builders.runs.claim(builders.runs.start(ann), worker_id=process.worker_id)

    def of(
        *said: Message | str,
        handle: RunHandle | None = None,
        history: tuple[Message, ...] = (),
        searches: tuple[bool, ...] = (False,),
        **asked: Any,
    ) -> Gathered | None:
        messages = tuple(Message(Role.USER, (TextPart(one),)) if isinstance(one, str) else one for one in said)
        targets = [
            RoutedTarget("id", "key", "name", Target("fake", "Fake", "openai", "http://fake", "m", searches=own))
            for own in searches
        ]
        return gather.gather(
            claimed,
            inputs=PromptInputs(messages, options={}, context=ContextAsked(**asked)),
            history=History(messages=history),
            targets=targets,
            process=process,
            handle=handle or RunHandle(run_id=claimed.pk, deadline=float("inf")),
        )

    return of
