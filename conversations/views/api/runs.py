"""`/api/v1/runs`: look at runs, stop them, pick up their streams."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations import errors
from conversations.dialects.aichat import errors as words
from conversations.dialects.aichat.render import Format, negotiate
from conversations.queries import runs as run_queries
from conversations.queries.runs import FoundRun
from conversations.services import cancelling, runs
from conversations.turns import Dialect, RunStatus
from conversations.views import authentication, blocking
from conversations.views.aichat import answers as aichat_answers
from conversations.views.api import resources
from conversations.views.doors import Door, ErrorWords, json_response
from conversations.views.open_turn import OpenTurn
from conversations.views.turn_door import RUN_ID_HEADER
from conversations.views.turn_reader import TurnReader

PAGE_DEFAULT, PAGE_MAX = 20, 100
# A run is resumed in the dialect it was asked in.
RESPOND = {Dialect.AICHAT: aichat_answers.respond}


class RunDoor(Door):
    error_words: ClassVar[ErrorWords] = words


class RunListView(RunDoor):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        limit = _whole_number(request, "limit", default=PAGE_DEFAULT, least=1, most=PAGE_MAX)
        found = await blocking.call(
            run_queries.page,
            account_id=caller.account_id,
            conversation_id=request.GET.get("conversation"),
            status=_status(request),
            before=request.GET.get("cursor"),
            limit=limit,
        )
        shown = found[:limit]
        following = _next_url(request, cursor=shown[-1].public_id) if len(found) > limit else None
        return json_response({"results": [resources.run(run) for run in shown], "next": following})


class RunView(RunDoor):
    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        run = await blocking.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        return json_response(resources.run(run))


class RunCancelView(RunDoor):
    async def post(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        await blocking.call(cancelling.cancel, account_id=caller.account_id, run_id=run_id)
        run = await blocking.call(run_queries.for_account, account_id=caller.account_id, run_id=run_id)
        return json_response(resources.run(run))


class RunStreamView(RunDoor):
    async def get(self, request: HttpRequest, run_id: str) -> HttpResponseBase:
        caller = await authentication.bearer(request)
        form, after = _form(request), _starting_after(request)
        if form is not Format.JSON:
            await blocking.call(runs.open_as_stream, account_id=caller.account_id, run_id=run_id)
        run = await blocking.call(run_queries.stored_run, account_id=caller.account_id, run_id=run_id)
        self.response_headers[RUN_ID_HEADER] = run.public_id
        return await self._resume(run, form=form, after=after)

    async def _resume(self, run: FoundRun, *, form: Format, after: int) -> HttpResponseBase:
        reader = await TurnReader.attach(run, after=after)
        turn = OpenTurn(reader, run_id=run.pk, after=after)
        return await RESPOND[run.dialect](
            turn, form=form, conversation_id=run.conversation_id, trace_id=str(run.trace_id)
        )


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
    """The position the reader has: `?starting_after=`, or the Last-Event-ID an EventSource sends by itself."""
    if "starting_after" not in request.GET and (last := request.META.get("HTTP_LAST_EVENT_ID", "")):
        return _number(last, "Last-Event-ID", least=0, most=MAX_POSITION)
    return _whole_number(request, "starting_after", default=0, least=0, most=MAX_POSITION)


MAX_POSITION = 2**31


def _status(request: HttpRequest) -> str | None:
    status = request.GET.get("status")
    if status is not None and status not in set(RunStatus):
        raise errors.InvalidRequest(f"status must be one of {', '.join(RunStatus)}", param="status")
    return status


def _whole_number(request: HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    given = request.GET.get(name)
    return default if given is None else _number(given, name, least=least, most=most)


def _number(text: str, name: str, *, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and least <= int(text[:12]) <= most:
        return int(text)
    raise errors.InvalidRequest(f"{name} must be a whole number from {least} to {most}", param=name)


def _next_url(request: HttpRequest, *, cursor: str) -> str:
    query: dict[str, Any] = {**request.GET.dict(), "cursor": cursor}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
