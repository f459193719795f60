"""The base of every route that asks a model: its request is parsed and accepted, and the run opened for its caller."""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors, ids, routing
from conversations.dialects.api import tasks
from conversations.dialects.dialect import Dialect
from conversations.queries import runs as run_queries
from conversations.queries import tasks as task_queries
from conversations.rules import key_rights
from conversations.rules.assistants import merging, tokens
from conversations.rules.client_tokens import rights
from conversations.services.runs import idempotency, readers
from conversations.services.runs.accept import AcceptedRun
from conversations.values.assistants import AssistantConfig, Given
from conversations.values.callers import Caller
from conversations.values.requests import NewRun, NewTask, Operation, RunRequest
from conversations.values.runs import Format, ReplyContext
from conversations.views.bodies import budget, incoming, large_bodies, request_body
from conversations.views.http import customer_urls, rate_limits, redis_health, threadpool
from conversations.views.http.base import BaseView, declared_bytes, json_response
from conversations.views.http.follower import follower
from conversations.views.runs import assistants, client_turns, dry_runs, erasure, preconditions
from conversations.views.runs.dry_runs import DryRun
from conversations.views.runs.headers import REPLAYED, RUN_ID, run_headers
from conversations.views.runs.parsed import ParsedRequest
from conversations.views.runs.reading.reader import RunEventReader
from conversations.views.runs.response import Answering, RunResponse


class RunView(BaseView, ABC):
    """A route says what its fields are (`serializer`), what they mean (`parse`) and which `dialect` answers."""

    dialect: ClassVar[Dialect]
    serializer: ClassVar[serializers.Serializer[Any]]
    operation: ClassVar[Operation] = Operation.CHAT
    # The fields that replace what an assistant has, and what of it.
    context_fields: ClassVar[Mapping[str, Given]] = {}
    run_id: str
    # What this request says of its context.
    given: Set[Given]
    # The refusal of a turn for which there was no place, unless its caller does not wait.
    no_place: errors.RateLimited | None
    # From here on it may be stored, also when its client has left meanwhile.
    may_be_accepted: bool

    @abstractmethod
    def named_model(self, fields: Mapping[str, Any]) -> str:
        """The model that the fields name; "" where a preset may name one. Raises InvalidRequest."""

    @abstractmethod
    def parse(self, request: HttpRequest, *, body: Mapping[str, Any], fields: Mapping[str, Any]) -> RunRequest:
        """Raises InvalidRequest and its like. For a large body it is called in a thread."""

    @abstractmethod
    def answer_format(self, request: HttpRequest, fields: Mapping[str, Any]) -> Format: ...

    def own_trace_id(self, fields: Mapping[str, Any]) -> uuid.UUID | None:
        """The caller's, where the family has one. Raises InvalidRequest."""
        return None

    def given_context(self, fields: Mapping[str, Any]) -> Set[Given]:
        """What the fields say of the context, also where they say that it is to be none."""
        return {given for name, given in self.context_fields.items() if name in fields}

    async def resolve(self, run_request: RunRequest, *, caller: Caller) -> RunRequest:
        """The request with what its assistant has, where its model names one.

        Raises UnknownModel for an assistant that is not there, OutOfScope for one that wants a client token, and what
        `routing.entry_for` raises about its model.
        """
        config = await assistants.config_of_model(caller, run_request.model)
        return run_request if config is None else self.with_assistant(run_request, config, caller=caller)

    def with_assistant(self, run_request: RunRequest, config: AssistantConfig, *, caller: Caller) -> RunRequest:
        """Raises as `resolve`."""
        tokens.check(config, run_request.visitor, caller)
        resolved = merging.applied(config, run_request, given=self.given)
        routing.entry_for(resolved.model, operation=self.operation, patterns=caller.models)
        return resolved

    def begin(self) -> None:
        super().begin()
        # Before the run is accepted: its place is taken under it.
        self.run_id = ids.new_run_id()
        self.no_place = None
        self.may_be_accepted = False
        self.given = frozenset()

    async def count(self, caller: Caller, *, amount: int, body_bytes: int) -> None:
        self.no_place = await rate_limits.count_run(
            caller, run_id=self.run_id, body_bytes=body_bytes, headers=self.response_headers
        )

    async def admit_again(self, request: HttpRequest) -> bool:
        is_late = await super().admit_again(request)
        if is_late and self.caller:
            body_bytes = declared_bytes(request)
            self.no_place = await rate_limits.hold_place(self.caller, run_id=self.run_id, body_bytes=body_bytes)
        return is_late

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        """The caller is known before any of the body is read. While it waits for the answer, nothing of it is kept."""
        caller = await self.admit(request)
        try:
            accepted = await self._accept_body(request, caller)
        except (Exception, asyncio.CancelledError):
            # Also for a client that has left, as long as nothing is stored.
            if not self.may_be_accepted:
                await rate_limits.release(caller, run_id=self.run_id)
            raise
        return accepted if isinstance(accepted, HttpResponse) else await accepted.respond(self.dialect)

    async def _accept_body(self, request: HttpRequest, caller: Caller) -> Answering | HttpResponse:
        with budget.of_process().reserve(caller.account_id) as reservation:
            body = await incoming.of(request).read(most=settings.MAX_BODY_BYTES, reservation=reservation)
            await self.admit_again(request)
            parsed = await self._parse_body(request, caller, body)
            del body
            if caller.visitor:
                parsed = await client_turns.in_name_of_visitor(parsed)
                # What is empty chooses nothing either: the assistant has what it has.
                self.given = frozenset()
            if parsed.preconditions.is_dry_run:
                dry_runs.check(parsed)
            elif self.no_place and parsed.task is None:
                raise self.no_place
            try:
                parsed = replace(parsed, run_request=await self.resolve(parsed.run_request, caller=caller))
            except errors.ParleyError:
                # What it names may be gone since the request was accepted, under the same idempotency key.
                if (repeated := await self._repeat(parsed)) is not None:
                    return repeated
                raise
            if caller.visitor:
                rights.check_assistant(parsed.run_request, caller)
            # A preset or an assistant may have named it.
            if caller.models and not key_rights.may_use(caller.models, parsed.run_request.model):
                raise errors.ModelForbidden(param="model")
            if parsed.preconditions.is_dry_run:
                return await self.try_out(parsed)
            return await self.accept(parsed) if parsed.task is None else await self.accept_task(parsed, parsed.task)

    async def _parse_body(self, request: HttpRequest, caller: Caller, body: bytearray) -> ParsedRequest:
        """Parses a large body in a thread, a small one here."""
        if len(body) > budget.SMALL_BYTES:
            return await large_bodies.parse(caller.account_id, self._parse, request, caller, body)
        return self._parse(request, caller, body)

    def _parse(self, request: HttpRequest, caller: Caller, raw: bytearray) -> ParsedRequest:
        """The model is checked first: when it is unknown, nothing else of the body is looked at."""
        body = request_body.json_object(raw, request)
        fields = request_body.validated(self.serializer, body)
        self.trace_id = self.own_trace_id(fields) or self.trace_id
        self.given = self.given_context(fields)
        model = self.named_model(fields)
        if caller.visitor:
            rights.check_model(model)
        if model and not assistants.is_named(model, self.operation):
            routing.entry_for(model, operation=self.operation, patterns=caller.models)
        run_request = self.parse(request, body=body, fields=fields)
        rate_limits.check_size(caller, run_request, body_bytes=len(raw))
        return ParsedRequest(
            run_request=run_request,
            preconditions=preconditions.read(request, body=body),
            answer_format=self.answer_format(request, fields),
            caller=caller,
            is_large=len(raw) > budget.SMALL_BYTES,
            task=_task(fields),
        )

    async def try_out(self, parsed: ParsedRequest) -> DryRun:
        """What tells the caller what would be sent. It needs no place, and what it uses is nothing."""
        await rate_limits.release(parsed.caller, run_id=self.run_id)
        request = await dry_runs.in_thread(parsed.run_request, account_id=parsed.caller.account_id)
        return await DryRun.of(replace(parsed, run_request=request), dry_run_id=self.run_id)

    async def accept(self, parsed: ParsedRequest) -> Answering:
        """The response to the run's reader. From here on the run ends by itself.

        Before that it raises UnknownModel, RateLimited, ServiceUnavailable, ConversationBusy, Duplication and their
        like.
        """
        await redis_health.require_writes()
        run = self._new_run(parsed)
        reader = await RunEventReader.begin(run.run_id, caller=parsed.caller)
        try:
            accepted = await self._accept(parsed, run)
        except BaseException:
            reader.close()
            raise
        if not accepted.is_new:
            reader.close()
            await rate_limits.release(parsed.caller, run_id=self.run_id)
            return await self._open_again(accepted.public_id, parsed)
        # A visitor's thread may be another conversation than the request named.
        asked = replace(parsed.run_request, conversation_id=accepted.conversation_id)
        context = self._context(asked, public_id=run.run_id)
        self.response_headers |= run_headers(context)
        open_response = partial(RunResponse, reader, context, run_id=accepted.pk, answer_format=parsed.answer_format)
        if context.is_stored or parsed.preconditions.idempotency_key:
            return open_response()
        return open_response(on_leave=partial(erasure.on_leave, accepted.pk))

    async def accept_task(self, parsed: ParsedRequest, task: NewTask) -> HttpResponse:
        """The acknowledgement, for a caller that does not wait. Raises as `accept` does, and for a refused URL."""
        if task.callback_url:
            account_id = parsed.caller.account_id
            url = await customer_urls.checked(task.callback_url, param="callback_url", account_id=account_id)
            parsed = replace(parsed, task=NewTask(url))
        await rate_limits.leave_place(parsed.caller, run_id=self.run_id)
        return await self._acknowledge(parsed, await self._accept(parsed, self._new_run(parsed)))

    async def _acknowledge(self, parsed: ParsedRequest, accepted: AcceptedRun) -> HttpResponse:
        # Set before the query below: if that fails, the run goes on all the same.
        self.response_headers[RUN_ID] = accepted.public_id
        if not accepted.is_new:
            await rate_limits.release(parsed.caller, run_id=self.run_id)
            self.response_headers[REPLAYED] = "true"
        state = await threadpool.call(task_queries.of_run, run_id=accepted.pk)
        self.response_headers |= run_headers(state)
        return json_response(tasks.acknowledgement(state))

    async def _accept(self, parsed: ParsedRequest, run: NewRun) -> AcceptedRun:
        self.may_be_accepted = True
        try:
            return await parsed.accept(run)
        except Exception:
            # Nothing was written.
            self.may_be_accepted = False
            raise

    async def _repeat(self, parsed: ParsedRequest) -> Answering | HttpResponse | None:
        """The response of the run that the idempotency key stands for; None when it stands for none."""
        if not parsed.preconditions.idempotency_key:
            return None
        account_id = parsed.caller.account_id
        run = await threadpool.call(idempotency.earlier_run, parsed.preconditions, account_id=account_id)
        if run is None:
            return None
        accepted = AcceptedRun(pk=run.pk, public_id=run.public_id, is_new=False)
        if parsed.task is not None:
            return await self._acknowledge(parsed, accepted)
        await rate_limits.release(parsed.caller, run_id=self.run_id)
        return await self._open_again(accepted.public_id, parsed)

    def _new_run(self, parsed: ParsedRequest) -> NewRun:
        public_id = self.run_id
        asked = parsed.run_request
        return NewRun(
            run_id=public_id,
            channel=follower().channel(public_id),
            trace_id=self.trace_id,
            context_window=routing.context_window(asked.model, operation=asked.operation),
            is_streamed=parsed.is_streamed,
        )

    def _context(self, run_request: RunRequest, *, public_id: str) -> ReplyContext:
        return ReplyContext(
            run_id=public_id,
            conversation_id=run_request.conversation_id,
            is_stored=run_request.is_stored,
            model=run_request.model,
            trace_id=str(self.trace_id),
            operation=run_request.operation,
            reply=run_request.reply,
        )

    async def _open_again(self, public_id: str, parsed: ParsedRequest) -> RunResponse:
        """The run that the idempotency key stands for, whether it has ended or not. The model is not asked again."""
        caller = parsed.caller
        if parsed.is_streamed:
            await threadpool.call(
                readers.open_as_stream, account_id=caller.account_id, public_id=public_id, is_repeat=True
            )
        found = await threadpool.call(run_queries.found_run, account_id=caller.account_id, run_id=public_id)
        self.response_headers |= run_headers(found.context)
        self.response_headers[REPLAYED] = "true"
        reader = await RunEventReader.attach(found, caller=caller)
        return RunResponse(reader, found.context, run_id=found.pk, answer_format=parsed.answer_format)


def _task(fields: Mapping[str, Any]) -> NewTask | None:
    """Either of the two fields says that the caller does not wait (docs/contract A.9), in every family."""
    callback_url = fields.get("callback_url", "")
    return NewTask(callback_url) if callback_url or fields.get("async") else None
