"""`GET /v1/openapi/chat/record` (docs/contract D.8): what was said with a contact within a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import serializers

from conversations.dialects.yuju import times
from conversations.dialects.yuju.contacts import record, wire_ids
from conversations.dialects.yuju.contacts.record import RecordedMessage
from conversations.errors import InvalidRequest
from conversations.models import Dialogue, Message, Visitor
from conversations.queries.visitors import messages
from conversations.queries.visitors import visitors as visitor_queries
from conversations.views.bodies import parameters
from conversations.views.bodies.fields import TextField
from conversations.views.http import rate_limits, threadpool
from conversations.views.yuju.base import YujuView, succeed
from conversations.views.yuju.fields import IdField
from providers import serialization
from providers.messages import RefusalPart, Role, TextPart

ID_MAX_CHARS = 128
# Where no `start_date` is given.
SHOWN_FOR = timedelta(days=30)


class RecordParameters(serializers.Serializer[Any]):
    contact_id = IdField(most=ID_MAX_CHARS)
    channel_id = TextField(required=False, help_text="`api` is the only channel; nothing is shown of others.")
    start_date = TextField(required=False, help_text="`YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`, UTC; else 30 days back.")
    end_date = TextField(required=False, help_text="A date alone counts with all of its day; left out: now.")
    cursor = TextField(required=False, help_text="`next` of the page before.")


PARAMETERS = RecordParameters()


class RecordView(YujuView):
    async def get(self, request: HttpRequest) -> HttpResponseBase:
        caller = await self.admit(request, amount=rate_limits.EXPENSIVE)
        asked = parameters.read(PARAMETERS, request.GET.dict())
        since, until = _between(asked)
        if asked.get("channel_id", record.CHANNEL) not in ("", record.CHANNEL):
            return succeed([])
        contact_id = wire_ids.public(asked["contact_id"])
        return succeed(
            await threadpool.call(
                _page,
                account_id=caller.account_id,
                contact_id=contact_id,
                since=since,
                until=until,
                cursor=asked.get("cursor") or None,
            )
        )


def _between(asked: dict[str, str]) -> tuple[datetime, datetime]:
    """Empty parameters are as none: so is the documents' sample. Raises InvalidRequest."""
    end, start = asked.get("end_date"), asked.get("start_date")
    until = times.read(end, param="end_date", is_end=True) if end else datetime.now(UTC) + timedelta(seconds=1)
    try:
        since = times.read(start, param="start_date") if start else until - SHOWN_FOR
    except OverflowError:
        since = until
    if since >= until:
        raise InvalidRequest("start_date must be before end_date", param="start_date")
    return since, until


def _page(
    *, account_id: int, contact_id: str, since: datetime, until: datetime, cursor: str | None
) -> list[dict[str, Any]]:
    visitor = visitor_queries.for_account(account_id=account_id, visitor_id=contact_id)
    page = messages.page(visitor, since=since, until=until, cursor=cursor)
    shown = [
        record.shown(_recorded(message, page.dialogues[message.conversation_id], visitor), nick=visitor.name)
        for message in page.messages
    ]
    return record.page(shown, following=page.next)


def _recorded(message: Message, dialogue: Dialogue, visitor: Visitor) -> RecordedMessage:
    parts = serialization.load_parts(message.parts)
    return RecordedMessage(
        public_id=message.public_id,
        conversation_id=dialogue.conversation.public_id,
        text="".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart)),
        at=message.created_at,
        visitor=visitor.public_id,
        assistant=dialogue.assistant.public_id if dialogue.assistant else "",
        is_of_visitor=message.role == Role.USER.value,
        # A run that no attempt has answered: `services/visitor_messages.py`.
        is_sent=message.run.finished_at is not None and not message.run.attempt,
    )
