"""Polling of tasks (docs/contract A.9): a family has a route for it, which shows the tasks of all families."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.dialects.api import tasks
from conversations.errors import InvalidRequest, NotYetServed
from conversations.queries import tasks as task_queries
from conversations.views.bodies import request_body
from conversations.views.bodies.fields import IntegerField, ListField, NumberField, TextField
from conversations.views.http import threadpool
from conversations.views.http.base import BaseView, json_response

LIMIT_DEFAULT, LIMIT_MAX = 12, 100
OFFSET_MAX = 10_000
# No id is longer, whether ours or a caller's own.
ID_MAX_CHARS = 128
# The last second of the year 9999, beyond which there are no dates.
SECONDS_MAX = 253_402_300_799


class TasksSerializer(serializers.Serializer[Any]):
    action = TextField(required=False, allow_null=True)
    id = TextField(most=ID_MAX_CHARS, required=False, allow_null=True)
    trace_id = TextField(most=ID_MAX_CHARS, required=False, allow_null=True)
    type = TextField(most=ID_MAX_CHARS, required=False, allow_null=True)
    # Accepted and ignored: a key sees the tasks of its own account.
    application_id = TextField(required=False, allow_null=True)
    user_id = TextField(required=False, allow_null=True)
    ids = ListField(child=TextField(most=ID_MAX_CHARS), most=LIMIT_MAX, required=False, allow_null=True)
    trace_ids = ListField(child=TextField(most=ID_MAX_CHARS), most=LIMIT_MAX, required=False, allow_null=True)
    offset = IntegerField(least=0, most=OFFSET_MAX, required=False, allow_null=True)
    limit = IntegerField(least=1, most=LIMIT_MAX, required=False, allow_null=True)
    created_at_min = NumberField(least=0, most=SECONDS_MAX, required=False, allow_null=True)
    created_at_max = NumberField(least=0, most=SECONDS_MAX, required=False, allow_null=True)


SERIALIZER = TasksSerializer()


class PollTasksView(BaseView):
    async def post(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request)
        fields = await request_body.read_fields(request, SERIALIZER, caller=caller)
        await self.admit_again(request)
        match fields.get("action") or "retrieve":
            case "retrieve":
                return json_response(await threadpool.call(_one, caller.account_id, fields))
            case "retrieve_batch":
                return json_response(await threadpool.call(_many, caller.account_id, fields))
        raise NotYetServed('action must be "retrieve" or "retrieve_batch".', param="action")


def _one(account_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An empty object for a task that does not exist, as the vendor's service answers."""
    task_id, trace_id = fields.get("id", ""), fields.get("trace_id", "")
    if not task_id and not trace_id:
        raise InvalidRequest("id or trace_id is required", param="id")
    state = task_queries.find(account_id=account_id, task_id=task_id, trace_id=trace_id)
    return tasks.polled(state) if state else {}


def _many(account_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    page = task_queries.page(
        account_id=account_id,
        task_ids=fields.get("ids"),
        trace_ids=fields.get("trace_ids"),
        operation=fields.get("type") or None,
        since=_time(fields.get("created_at_min")),
        until=_time(fields.get("created_at_max")),
        offset=fields.get("offset", 0),
        limit=fields.get("limit", LIMIT_DEFAULT),
    )
    answer = {"items": [tasks.polled(state) for state in page.states], "count": page.count}
    return answer if page.next_offset is None else {**answer, "next_offset": page.next_offset}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
