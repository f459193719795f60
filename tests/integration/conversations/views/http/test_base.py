"""What a caller hears when something fails below a view that nobody foresaw."""

import asyncio
from typing import Any, ClassVar

import orjson
import pytest
import structlog
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisConnectionError

from conversations.dialects.dialect import ErrorRenderer
from conversations.dialects.openai import errors as openai_errors
from conversations.views.http import threadpool
from conversations.views.http.base import BaseView, json_response
from project.logging import redact_store_errors

SECRET = "what the caller said"
REFUSED_STATEMENTS = {
    "DataError": f"SELECT '{SECRET}'::int",
    "ProgrammingError": f'SELECT "{SECRET}"',
    "IntegrityError": f"INSERT INTO conversations_account (name) VALUES ('{SECRET}'), ('{SECRET}')",
    "NotSupportedError": f"SELECT count(DISTINCT '{SECRET}') OVER ()",
}


class FailingView(BaseView):
    error_renderer: ClassVar[ErrorRenderer] = openai_errors
    problem: ClassVar[BaseException | str] = ""

    async def get(self, _request: HttpRequest) -> HttpResponse:
        if isinstance(self.problem, BaseException):
            raise self.problem
        await threadpool.call(_execute, self.problem)
        return json_response({})


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fail(problem: BaseException | str) -> tuple[int, dict[str, Any], list[Any]]:
    """Status, the error, and the log lines."""
    view = type("View", (FailingView,), {"problem": problem})
    with structlog.testing.capture_logs() as lines:
        status, body = ask(view)
    return status, body["error"], lines


def ask(view: type[BaseView], query: str = "") -> tuple[int, dict[str, Any]]:
    response = asyncio.run(view().dispatch(RequestFactory().get(f"/v1/x?{query}")))
    assert isinstance(response, HttpResponse)
    return response.status_code, orjson.loads(response.content)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "sql"), REFUSED_STATEMENTS.items())
def test_a_row_that_the_database_refuses_is_our_mistake(name: str, sql: str) -> None:
    """No SDK is told that we are overloaded, and nothing of what the caller said is in the log."""
    status, error, (line,) = fail(sql)

    assert (status, error["code"], error["message"]) == (500, "server_error", "Internal server error.")
    assert (line["log_level"], line["event"], line["error"]) == ("error", "row_refused", name)
    written = redact_store_errors(None, "error", line)
    assert "test_base.py" in written["exception"]
    assert SECRET not in repr(written)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_answer_now_is_unavailable() -> None:
    status, error, (line,) = fail("SET statement_timeout = 1; SELECT pg_sleep(5)")

    assert (status, error["code"]) == (503, "server_is_overloaded")
    assert (line["log_level"], line["event"], line["error"]) == ("warning", "store_unreachable", "OperationalError")


@pytest.mark.parametrize("problem", [RedisConnectionError(), ConnectionResetError(), TimeoutError()], ids=repr)
def test_a_store_that_is_away_is_unavailable(problem: Exception) -> None:
    status, error, _ = fail(problem)

    assert (status, error["code"]) == (503, "server_is_overloaded")


@pytest.mark.parametrize("problem", [FileNotFoundError("x"), PermissionError("x"), KeyError("x")], ids=repr)
def test_any_other_mistake_is_ours(problem: Exception) -> None:
    status, error, (line,) = fail(problem)

    assert (status, error["code"]) == (500, "server_error")
    assert (line["log_level"], line["event"]) == ("error", "request_broke")


def test_a_query_of_too_many_parameters_is_refused() -> None:
    class ReadingView(FailingView):
        async def get(self, request: HttpRequest) -> HttpResponse:
            return json_response({"names": list(request.GET)})

    query = "&".join(f"name{number}=1" for number in range(10_000))
    status, body = ask(ReadingView, query)

    assert (status, body["error"]["message"]) == (400, "The query has too many parameters.")
