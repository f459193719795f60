"""`/api/v1/runs`: look at runs, stop them, pick up their streams."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import errors, resources
from conversations.dialects.aichat import errors as aichat_errors
from conversations.dialects.aichat.render import negotiate
from conversations.dialects.openai import errors as openai_errors
from conversations.queries import runs as run_queries
from conversations.queries.runs import FoundRun
from conversations.services.runs import cancel, readers
from conversations.values.callers import Caller
from conversations.values.requests import Dialect
from conversations.values.runs import Format, RunStatus
from conversations.views.aichat import answers as aichat_answers
from conversations.views.api import parameters
from conversations.views.api.parameters import ApiView
from conversations.views.http import threadpool
from conversations.views.http.base import ErrorRenderer, json_response
from conversations.views.openai import answers as openai_answers
from conversations.views.runs.headers import run_headers
from conversations.views.runs.reader import RunEventReader
from conversations.views.runs.response import RunResponse

# A run is resumed in the dialect it was asked in, and fails in its words.
RESPOND = {Dialect.AICHAT: aichat_answers.respond, Dialect.OPENAI: openai_answers.respond}
FORMS: dict[Dialect, tuple[Format, ...]] = {Dialect.AICHAT: tuple(Format), Dialect.OPENAI: (Format.SSE, Format.JSON)}
ERROR_RENDERERS: dict[Dialect, ErrorRenderer] = {Dialect.AICHAT: aichat_errors, Dialect.OPENAI: openai_errors}


class RunListView(ApiView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        limit = parameters.limit(request)
        found = await threadpool.call(
            run_queries.page,
            account_id=caller.account_id,
            conversation_id=request.GET.get("conversation"),
            status=parameters.choice(request, "status", [*RunStatus]),
            before=request.GET.get("cursor"),
            limit=limit,
        )
        shown = found[:limit]
        following = parameters.next_url(request, cursor=shown[-1].public_id) if len(found) > limit else None
        return json_response({"results": [resources.run(run) for run in shown], "next": following})


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
        form, after = _form(request), _starting_after(request)
        if form is not Format.JSON:
            await threadpool.call(readers.open_as_stream, account_id=caller.account_id, run_id=run_id)
        run = await threadpool.call(run_queries.stored_run, account_id=caller.account_id, run_id=run_id)
        self.response_headers |= run_headers(run.asked)
        if form not in FORMS[run.dialect]:
            raise errors.InvalidRequest(f"This run is read as {' or '.join(FORMS[run.dialect])}.", param="format")
        self.error_renderer = ERROR_RENDERERS[run.dialect]  # type: ignore[misc] # this one request's
        return await self._resume(run, caller=caller, form=form, after=after)

    async def _resume(self, run: FoundRun, *, caller: Caller, form: Format, after: int) -> HttpResponseBase:
        reader = await RunEventReader.attach(run, api_key_id=caller.api_key_id, after=after)
        turn = RunResponse(reader, run_id=run.pk, after=after)
        return await RESPOND[run.dialect](turn, run.asked, form=form)


def _form(request: HttpRequest) -> Format:
    """`?format=` before Accept; a stream when neither says."""
    wanted = request.GET.get("format", "")
    if wanted:
        if wanted not in set(Format):
            raise errors.InvalidRequest(f"format must be one of {', '.join(Format)}", param="format")
        return Format(wanted)
    accept = request.META.get("HTTP_ACCEPT", "")
    return Format.SSE if "json" not in accept.lower() else negotiate(accept)


def _starting_after(request: HttpRequest) -> int:
    """The position the reader has: `?starting_after=`, or the Last-Event-ID that SSE clients send by themselves."""
    if "starting_after" not in request.GET and (last := request.META.get("HTTP_LAST_EVENT_ID", "")):
        return parameters.number(last, "Last-Event-ID", least=0, most=MAX_POSITION)
    return parameters.whole_number(request, "starting_after", default=0, least=0, most=MAX_POSITION)


MAX_POSITION = 2**31
