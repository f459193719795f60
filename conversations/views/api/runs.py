"""`/api/v1/runs`: list, show and cancel runs, and resume their streams."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import errors, resources
from conversations.dialects.aichat import errors as aichat_errors
from conversations.dialects.openai import errors as openai_errors
from conversations.queries import runs as run_queries
from conversations.queries.runs import FoundRun
from conversations.resources.runs import RUN_PAGE
from conversations.services.runs import cancel, rows
from conversations.values.callers import Caller
from conversations.values.requests import Dialect
from conversations.values.runs import Format, RunStatus
from conversations.views.aichat import answers as aichat_answers
from conversations.views.api import parameters, stream_parameters
from conversations.views.api.base import ApiView
from conversations.views.api.pages import PageParameters, page_response
from conversations.views.bodies.fields import TextField
from conversations.views.http import threadpool
from conversations.views.http.base import ErrorRenderer, json_response
from conversations.views.openai import answers as openai_answers
from conversations.views.runs.reader import RunEventReader
from conversations.views.runs.response import RunResponse
from conversations.views.runs.turn_door import run_headers

# A run is resumed in the dialect it was asked in, and fails in its words.
RESPOND = {Dialect.AICHAT: aichat_answers.respond, Dialect.OPENAI: openai_answers.respond}
FORMS: dict[Dialect, tuple[Format, ...]] = {Dialect.AICHAT: tuple(Format), Dialect.OPENAI: (Format.SSE, Format.JSON)}
ERROR_RENDERERS: dict[Dialect, ErrorRenderer] = {Dialect.AICHAT: aichat_errors, Dialect.OPENAI: openai_errors}


class RunListParameters(PageParameters):
    status = parameters.ChoiceField([status.value for status in RunStatus], required=False)
    conversation = TextField(required=False, help_text="Only those of this conversation.")
    cursor = TextField(required=False, help_text="Where the page before ended: part of its `next`.")


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


class RunView(ApiView):
    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        run = await threadpool.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        return json_response(resources.run(run))


class RunCancelView(ApiView):
    async def post(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        await threadpool.call(cancel.cancel, account_id=caller.account_id, run_id=run_id)
        run = await threadpool.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        return json_response(resources.run(run))


class RunStreamView(ApiView):
    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await self.admit(request)
        form, after = stream_parameters.read(request)
        if form is not Format.JSON:
            await threadpool.call(rows.open_as_stream, account_id=caller.account_id, run_id=run_id)
        run = await threadpool.call(run_queries.stored_run, account_id=caller.account_id, run_id=run_id)
        asked = run.asked
        self.response_headers |= run_headers(
            run_id=asked.run_id, conversation_id=asked.conversation_id, is_stored=asked.is_stored
        )
        if form not in FORMS[run.dialect]:
            raise errors.InvalidRequest(f"This run is read as {' or '.join(FORMS[run.dialect])}.", param="format")
        self.error_renderer = ERROR_RENDERERS[run.dialect]  # type: ignore[misc] # this one request's
        return await self._resume(run, caller=caller, form=form, after=after)

    async def _resume(self, run: FoundRun, *, caller: Caller, form: Format, after: int) -> HttpResponseBase:
        reader = await RunEventReader.attach(run, api_key_id=caller.api_key_id, after=after)
        turn = RunResponse(reader, run_id=run.pk, after=after)
        return await RESPOND[run.dialect](turn, run.asked, form=form)
