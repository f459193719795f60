"""A new family is a folder, a view and a route: turns of it are served, shown and resumed, and no table names it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import redis
from pytest_django import Settings

from conversations import broker
from conversations.dialects import registry
from conversations.models import Run
from conversations.services.accounts import api_keys
from conversations.views.http import threadpool
from conversations.workers.runs import execution
from conversations.workers.runs import process as worker_process
from conversations.workers.runs.process import WorkerProcess
from project.web.handler import Handler
from tests.builders.factories import AccountFactory
from tests.fakes.upstream import PATIENCE_SECONDS
from tests.integration.conversations.dialects import families
from tests.integration.conversations.dialects.families.toy import view

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "[echo] Received 1 message. The last question: Hello"


@pytest.fixture(autouse=True)
def toy_family(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    for name, dialect in registry.discover(families).items():
        monkeypatch.setitem(registry.DIALECTS, name, dialect)
    settings.ROOT_URLCONF = view.__name__


@pytest.fixture(autouse=True)
def one_worker(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_current", process)


@pytest.fixture
async def client(valkey: redis.Redis) -> AsyncIterator[httpx.AsyncClient]:
    key = await threadpool.call(lambda: api_keys.create(account=AccountFactory.create(name="ann")))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=Handler()),  # type: ignore[arg-type] # httpx lets a scope be any mapping
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {key}"},
    ) as client:
        yield client


def toy(client: httpx.AsyncClient) -> str:
    """The family's route, with the client's key where the family has it: in the query."""
    return f"/toy?key={client.headers['authorization'].removeprefix('Bearer ')}"


async def work() -> None:
    """Takes up the next run that is queued, as a worker does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (waiting := await threadpool.call(broker.next_runs, most=1)):
            await asyncio.sleep(0.005)
    await threadpool.call(execution.execute, account_id=None, run_id=waiting[0])


async def ask(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """The answer to a question that a worker takes up meanwhile."""
    response, _ = await asyncio.gather(client.post(toy(client), json={"say": "Hello"}, headers=headers), work())
    return response


async def test_answers_in_one_piece(client: httpx.AsyncClient) -> None:
    response = await ask(client)

    assert (response.status_code, response.json()) == (200, {"toy": SAID})


async def test_answers_as_a_stream(client: httpx.AsyncClient) -> None:
    response = await ask(client, accept="text/event-stream")

    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
    assert said_in(response) == SAID


async def test_refuses_in_its_own_form(client: httpx.AsyncClient) -> None:
    response = await client.post(toy(client), json={"say": 7})

    assert (response.status_code, response.json()) == (418, {"oops": "invalid_request"})


async def test_its_key_counts_where_the_family_has_it(client: httpx.AsyncClient) -> None:
    response = await client.post("/toy?key=sk-wrong", json={"say": "Hello"})

    assert (response.status_code, response.json()) == (418, {"oops": "invalid_key"})


async def test_its_run_is_shown_and_resumed(client: httpx.AsyncClient) -> None:
    run = f"/api/v1/runs/{(await ask(client)).headers['X-Run-Id']}"

    shown = (await client.get(run)).json()
    document, events = await client.get(f"{run}/stream?format=json"), await client.get(f"{run}/stream")

    assert (shown["dialect"], shown["status"]) == ("toy", "completed")
    assert document.json() == {"toy": SAID}
    assert said_in(events) == SAID


async def test_its_run_is_not_resumed_in_a_format_that_it_does_not_have(client: httpx.AsyncClient) -> None:
    run = (await ask(client)).headers["X-Run-Id"]

    refused = await client.get(f"/api/v1/runs/{run}/stream?format=ndjson")

    assert (refused.status_code, refused.json()["error"]) == (
        400,
        {"code": "bad_request", "message": "This run is read as sse or json."},
    )


async def test_its_run_that_ends_without_an_answer_is_resumed_as_its_error(client: httpx.AsyncClient) -> None:
    asking = asyncio.create_task(client.post(toy(client), json={"say": "Hello"}))
    run = await queued()
    await client.post(f"/api/v1/runs/{run}/cancel")

    told, again = await asking, await client.get(f"/api/v1/runs/{run}/stream?format=json")

    assert [(response.status_code, response.json()) for response in (told, again)] == [
        (418, {"oops": "run_cancelled"})
    ] * 2


async def test_its_task_shows_the_document(client: httpx.AsyncClient) -> None:
    accepted, _ = await asyncio.gather(client.post(toy(client), json={"say": "Hello", "async": True}), work())

    polled = (await client.post("/aichat/tasks", json={"id": accepted.json()["task_id"]})).json()

    assert (polled["status"], polled["response"]["answer"]) == ("succeeded", SAID)
    assert polled["response"]["response"] == {"toy": SAID}


async def queued() -> str:
    """The public id of the run that waits."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (run := await threadpool.call(Run.objects.first)) is None:
            await asyncio.sleep(0.005)
    return run.public_id


def said_in(response: httpx.Response) -> str:
    *deltas, bye = response.text.removesuffix("\n\n").split("\n\n")
    assert bye == "data: bye"
    return "".join(delta.removeprefix("data: ") for delta in deltas)
