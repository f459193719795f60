"""The one `post` of every route that takes a question: who asks, what it says, and how it is answered."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import routing
from conversations.values.callers import Caller
from conversations.values.requests import Operation, RunRequest
from conversations.values.runs import Format, ReplyContext
from conversations.views.bodies import budget, incoming
from conversations.views.bodies import request_body as bodies
from conversations.views.runs import preconditions, questions
from conversations.views.runs.questions import Question
from conversations.views.runs.response import RunResponse
from conversations.views.runs.turn_door import TurnDoor


class QuestionView(TurnDoor, ABC):
    """A route says what its fields are, what they mean (`parse`) and how it answers (`answer`)."""

    serializer: ClassVar[serializers.Serializer[Any]]
    operation: ClassVar[Operation] = Operation.CHAT

    @abstractmethod
    def named_model(self, fields: Mapping[str, Any]) -> str:
        """The model that the fields name; "" where a preset may bring one. Raises InvalidRequest."""

    @abstractmethod
    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        """Raises InvalidRequest and its like. For a large body it is called in a thread."""

    @abstractmethod
    def form(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format: ...

    @abstractmethod
    async def answer(self, opened: RunResponse, asked: ReplyContext, *, form: Format) -> HttpResponseBase:
        """Raises the run's error while it can still be an HTTP status."""

    def own_trace_id(self, fields: Mapping[str, Any]) -> uuid.UUID | None:
        """The caller's, where the family has one. Raises InvalidRequest."""
        return None

    async def complete(self, turn: RunRequest, *, caller: Caller) -> RunRequest:
        """The turn with what only the database knows of it."""
        return turn

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        """Who asks is known before any of the body is read; whoever then waits for an answer holds nothing of it."""
        caller = await self.admit(request)
        accepted = await self._accept_body(request, caller)
        return accepted if isinstance(accepted, HttpResponse) else await self.answer(*accepted[:2], form=accepted[2])

    async def _accept_body(
        self, request: HttpRequest, caller: Caller
    ) -> tuple[RunResponse, ReplyContext, Format] | HttpResponse:
        with budget.of_process().share(caller.account_id) as share:
            body = await incoming.of(request).read(most=settings.MAX_BODY_BYTES, share=share)
            question = await questions.understood(body, partial(self._read, request, caller), caller=caller)
            del body
            question = replace(question, turn=await self.complete(question.turn, caller=caller))
            if question.is_task:
                return await self.accept_task(question)
            return *await self.accept(question), question.form

    def _read(self, request: HttpRequest, caller: Caller, raw: bytearray) -> Question:
        """The model is looked at first: for one that there is not, nothing else of the body is."""
        body = bodies.json_object(raw, request)
        fields = bodies.validated(self.serializer, body)
        self.trace_id = self.own_trace_id(fields) or self.trace_id
        if model := self.named_model(fields):
            routing.entry_for(model, operation=self.operation)
        turn = self.parse(request, body=body, fields=fields)
        return Question(
            turn=turn,
            conditions=preconditions.read(request, body=body, turn=turn, caller=caller),
            form=self.form(request, fields),
            caller=caller,
            is_large=len(raw) > budget.SMALL_BYTES,
            is_task=_is_task(fields),
            callback_url=fields.get("callback_url", ""),
        )


def _is_task(fields: Mapping[str, Any]) -> bool:
    """Whether the asker does not wait: either field alone says so (docs/contract A.9), in every family."""
    return bool(fields.get("async") or fields.get("callback_url"))
