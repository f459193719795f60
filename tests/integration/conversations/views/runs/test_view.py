"""How a question's body becomes a turn: in which order, where, and what is left of it."""

import gc
import inspect
import threading
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from rest_framework import serializers

from conversations.dialects.dialect import Dialect
from conversations.dialects.openai.chat import parse
from conversations.dialects.openai.dialect import DIALECT
from conversations.dialects.openai.shared import request_fields
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest
from conversations.values.runs import Format
from conversations.views.bodies import large_bodies
from conversations.views.bodies.budget import SMALL_BYTES, of_process
from conversations.views.bodies.incoming import RequestBody
from conversations.views.http.base import json_response
from conversations.views.openai.serializers import ChatSerializer
from conversations.views.runs.parsed import ParsedRequest
from conversations.views.runs.response import RunResponse
from conversations.views.runs.view import RunView

CALLER = Caller(account_id=1, api_key_id=1)


class NotedView(RunView):
    """Notes what is done with a question; nothing is stored, and nobody asks a model."""

    error_renderer = DIALECT.errors
    dialect: ClassVar[Dialect] = DIALECT
    serializer: ClassVar[serializers.Serializer[Any]] = ChatSerializer()
    threads: ClassVar[list[str]]
    accepted: ClassVar[list[tuple[str, bool]]]
    kept: ClassVar[list[object]]

    async def admit(self, _request: HttpRequest, *, amount: int = 1) -> Caller:
        return CALLER

    def named_model(self, fields: Mapping[str, Any]) -> str:
        return request_fields.named_model(fields)

    def parse(self, _request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        self.threads.append(threading.current_thread().name)
        return parse.parse(fields, new_id=lambda: "x")

    def answer_format(self, _request: HttpRequest, _fields: Mapping[str, Any]) -> Format:
        return Format.JSON

    async def accept(self, parsed: ParsedRequest) -> RunResponse:
        self.accepted.append((parsed.run_request.messages[0].text, parsed.is_large))
        return NotedResponse(self.kept)


class NotedResponse(RunResponse):
    """Notes in `kept` what the frames around it hold of a request while its caller waits."""

    def __init__(self, kept: list[object]) -> None:
        self._kept = kept

    async def respond(self, _dialect: Dialect) -> HttpResponseBase:
        assert of_process().total == 0
        for frame in inspect.stack():
            self._kept.extend(
                value
                for value in frame.frame.f_locals.values()
                if isinstance(value, bytearray | ParsedRequest | RunRequest)
                or (isinstance(value, dict) and "messages" in value)
            )
        return json_response({"answered": True})


@pytest.fixture(autouse=True)
def noted() -> None:
    NotedView.threads, NotedView.accepted, NotedView.kept = [], [], []


async def ask(text: str, *, model: str = "echo", **headers: str) -> tuple[int, dict[str, Any]]:
    content = orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}]})
    request: Any = RequestFactory().post("/v1/x", **headers)  # type: ignore[arg-type] # headers are extra there

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    request.incoming = RequestBody([(b"content-length", str(len(content)).encode())], receive)
    response = await NotedView().dispatch(request)
    assert isinstance(response, HttpResponse)
    assert of_process().total == 0
    return response.status_code, orjson.loads(response.content)


@pytest.mark.parametrize("text", ["small", "a" * SMALL_BYTES], ids=["small", "large"])
async def test_whoever_waits_for_an_answer_holds_nothing_of_the_body(text: str) -> None:
    assert await ask(text, HTTP_IDEMPOTENCY_KEY="k") == (200, {"answered": True})

    assert NotedView.accepted == [(text, len(text) == SMALL_BYTES)]
    assert NotedView.kept == []


async def test_small_bodies_are_understood_in_the_loop_and_large_ones_in_a_thread() -> None:
    await ask("small")
    await ask("a" * SMALL_BYTES)

    small, large = NotedView.threads
    assert small == threading.current_thread().name
    assert large.startswith("large")


@pytest.mark.parametrize("text", ["small", "a" * SMALL_BYTES], ids=["small", "large"])
async def test_of_a_model_that_there_is_not_nothing_else_is_looked_at(text: str) -> None:
    status, body = await ask(text, model="no-such-model")

    assert (status, body["error"]["param"]) == (404, "model")
    assert NotedView.threads == []
    assert NotedView.accepted == []


@pytest.mark.parametrize("text", ["small", "a" * SMALL_BYTES], ids=["small", "large"])
async def test_a_refusal_leaves_nothing_of_the_body_to_the_garbage_collector(text: str) -> None:
    """An error keeps the frames it came through, and they all that was read, if something leads back to it."""
    # A name that no other test has in its tables.
    unknown = f"no-such-model-{uuid.uuid4().hex}"
    await ask(text, model=unknown)
    gc.collect()
    gc.disable()
    try:
        await ask(text, model=unknown)
        # A thread lets go of its work after it has told of its end.
        await large_bodies.parse(CALLER.account_id, dict)
        kept = [found for found in gc.get_objects() if isinstance(found, dict) and found.get("model") == unknown]
    finally:
        gc.enable()

    assert kept == []
