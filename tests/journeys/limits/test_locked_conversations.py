"""Journey: a conversation is locked for long. Who waits for it gets a clear answer, and nobody else notices."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
import requests
from openai import InternalServerError, OpenAI

from project.embedded import paths
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

LOCKED = "What the request needs is in use by another request. Nothing was stored; send this one again in a moment."
RUNS = """SELECT r.id FROM conversations_run r JOIN conversations_conversation c ON c.id = r.conversation_id
          WHERE c.public_id = %s"""
# Twice the threads of a web process.
WAITERS = 16


@contextmanager
def locked(service: Service, thread: str) -> Iterator[None]:
    with psycopg.connect(paths.database_url(service.data_dir)) as database:
        database.execute("SELECT 1 FROM conversations_conversation WHERE public_id = %s FOR UPDATE", [thread])
        yield
        database.rollback()


def test_others_are_answered_while_many_wait(service: Service, new_api: Api, other_api: Api, rows: Rows) -> None:
    thread, free = new_id(), new_id()
    run_id = new_api.ask("1", model="echo", id=thread).headers["X-Run-Id"]

    with ThreadPoolExecutor(2 * WAITERS) as threads:
        with locked(service, thread):
            turns = [threads.submit(new_api.ask, "2", model="echo", id=thread) for _ in range(WAITERS)]
            url = f"{new_api.base_url}/api/v1/runs/{run_id}/cancel"
            cancels = [threads.submit(requests.post, url, headers=new_api.headers) for _ in range(WAITERS)]
            others = [other_api.ask("Hi", model="echo", id=free).status_code for _ in range(5)]
            answers = [future.result() for future in turns]
            cancelled = [future.result() for future in cancels]
        stored = len(rows.all(RUNS, thread))

    assert others == [200] * 5
    assert {refusal(answer)[:2] for answer in answers} == {(503, "api_error")}
    # The run has ended: to say so needs no lock.
    assert {(answer.status_code, answer.json()["status"]) for answer in cancelled} == {(200, "completed")}
    # On a slow machine the last of them have not even begun to wait for the lock when their time is over.
    assert LOCKED in {refusal(answer)[2] for answer in answers}
    assert {answer.headers["Retry-After"] for answer in answers} <= {"1", "5"}
    assert stored == 1
    assert new_api.answer("2", model="echo", id=thread)["id"] == thread


def test_the_other_conversations_of_the_account_go_on(service: Service, new_api: Api) -> None:
    thread, free = new_id(), new_id()
    new_api.answer("1", model="echo", id=thread)

    with ThreadPoolExecutor(WAITERS) as threads, locked(service, thread):
        waiting = [threads.submit(new_api.ask, "2", model="echo", id=thread) for _ in range(WAITERS)]
        status = new_api.ask("Hi", model="echo", id=free).status_code
        answers = {future.result().status_code for future in waiting}

    assert (status, answers) == (200, {503})


def test_an_sdk_is_told_to_repeat_the_request(service: Service, sdk: OpenAI, api: Api) -> None:
    thread = new_id()
    api.answer("1", model="echo", id=thread)

    with locked(service, thread), pytest.raises(InternalServerError) as refused:
        sdk.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": "2"}],
            store=True,
            extra_headers={"X-Conversation-Id": thread},
        )

    assert refused.value.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"
    assert refused.value.response.headers.get("x-should-retry") != "false"
