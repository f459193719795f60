"""`/api/v1/runs`: list, show and cancel runs, and resume their streams."""

from functools import partial
from typing import Any, ClassVar

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations import errors, resources
from conversations.dialects import registry
from conversations.queries import runs as run_queries
from conversations.queries import steps
from conversations.queries.receipts import ended
from conversations.queries.receipts.assemble import Asked
from conversations.resources.runs.runs import RUN_PAGE
from conversations.rules.client_tokens import claims
from conversations.services.runs import cancel, readers
from conversations.values.callers import Caller
from conversations.values.context.sources import NOT_SOURCED
from conversations.values.runs import Format, RunStatus
from conversations.views.api import stream_parameters
from conversations.views.api.base import ApiView
from conversations.views.api.pages import CursorParameters, page_response
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.http.base import json_response
from conversations.views.http.thread_shares import Share
from conversations.views.runs import client_turns
from conversations.views.runs.headers import run_headers
from conversations.views.runs.reading.reader import RunEventReader
from conversations.views.runs.response import RunResponse

# Of the messages of a receipt.
RECEIPT_LIMIT, RECEIPT_LIMIT_MAX = 200, 1_000
# It may read a whole conversation.
RECEIPT_AMOUNT = 5


class RunListParameters(CursorParameters):
    status = parameters.ChoiceField([status.value for status in RunStatus], required=False)
    conversation = TextField(required=False, help_text="Only those of this conversation.")


LIST = RunListParameters()


class RunListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        wanted = parameters.read(LIST, request.GET.dict())
        page = await threadpool.call(
            run_queries.page,
            account_id=caller.account_id,
            conversation_id=wanted.get("conversation"),
            status=wanted.get("status"),
            cursor=wanted.get("cursor"),
            limit=wanted["limit"],
        )
        return page_response(request, page, serializer=RUN_PAGE)


class RunDetailView(ApiView):
    client_scope: ClassVar[str | None] = claims.RUNS

    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await client_turns.check_run(caller, run_id)
        run = await threadpool.call(run_queries.in_detail, account_id=caller.account_id, run_id=run_id)
        shown = partial(resources.run, run, sourced=run.sourced or NOT_SOURCED, assisted=getattr(run, "assisted", None))
        if caller.visitor:
            # What the account's tools were sent is not the visitor's.
            return json_response(shown(to_token=True))
        # One round trip more, which only this page makes: a list has no calls.
        tool_calls = await threadpool.call(steps.shown_calls, account_id=caller.account_id, run_id=run.pk)
        if not caller.is_operator:
            return json_response(shown(tool_calls=tool_calls))
        attempts = await threadpool.call(run_queries.attempts, account_id=caller.account_id, run_id=run.pk)
        return json_response(shown(attempts=attempts, tool_calls=tool_calls))


class ReceiptParameters(serializers.Serializer[Any]):
    limit = parameters.WholeNumberField(least=1, most=RECEIPT_LIMIT_MAX, default=RECEIPT_LIMIT)
    before = TextField(required=False, help_text="The messages before this one: the `earlier` of another page.")
    text = parameters.ChoiceField(["true", "false"], default="false", help_text="Whether with the words.")


RECEIPT = ReceiptParameters()


class RunContextView(ApiView):
    """What was sent upstream for a run that has ended."""

    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request, amount=RECEIPT_AMOUNT)
        wanted = parameters.read(RECEIPT, request.GET.dict())
        asked = Asked(wanted["limit"], wanted.get("before", ""), with_text=wanted["text"] == "true")
        # A long history takes a thread for up to a second.
        share = Share(caller.account_id, "")
        body = await threadpool.call_in_share(share, _receipt, caller, run_id, asked)
        return json_response(body)


def _receipt(caller: Caller, run_id: str, asked: Asked) -> bytes:
    found = ended.of_run(account_id=caller.account_id, run_id=run_id, asked=asked, is_operator=caller.is_operator)
    return orjson.dumps(resources.receipt(found, is_operator=caller.is_operator))


class RunCancelView(ApiView):
    client_scope: ClassVar[str | None] = claims.RUNS

    async def post(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await client_turns.check_run(caller, run_id)
        # It waits for the run's conversation, whose id is not known here.
        share = Share(caller.account_id, run_id)
        await threadpool.call_in_share(share, cancel.cancel, account_id=caller.account_id, public_id=run_id)
        run = await threadpool.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        return json_response(resources.run(run, to_token=bool(caller.visitor)))


class RunStreamView(ApiView):
    """A run is resumed in the dialect that it was asked in, and its errors have the form of that dialect."""

    client_scope: ClassVar[str | None] = claims.RUNS

    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await client_turns.check_run(caller, run_id)
        answer_format, after = stream_parameters.read(request)
        if answer_format is not Format.JSON:
            await threadpool.call(readers.open_as_stream, account_id=caller.account_id, public_id=run_id)
        run = await threadpool.call(run_queries.stored_run, account_id=caller.account_id, run_id=run_id)
        self.response_headers |= run_headers(run.context)
        dialect = registry.get(run.dialect)
        if answer_format not in dialect.formats:
            raise errors.InvalidRequest(f"This run is read as {' or '.join(dialect.formats)}.", param="format")
        self.error_renderer = dialect.errors  # type: ignore[misc] # of this request only
        reader = await RunEventReader.attach(run, caller=caller, after=after)
        response = RunResponse(reader, run.context, run_id=run.pk, answer_format=answer_format, after=after)
        return await response.respond(dialect)
