"""What a request to resume a run's stream asks for: a format, and the position it has read up to."""

from typing import Any

from django.http import HttpRequest
from rest_framework import serializers

from conversations.dialects import formats
from conversations.values.runs import Format
from conversations.views.bodies import parameters

LAST_EVENT_ID = "Last-Event-ID"
POSITION_MAX = 2**31


class StreamParameters(serializers.Serializer[Any]):
    format = parameters.ChoiceField([*Format], required=False, allow_blank=True, help_text="Before `Accept`.")
    starting_after = parameters.WholeNumberField(
        least=0, most=POSITION_MAX, default=0, help_text="The last position that was read."
    )


class StreamHeaders(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        # A name with hyphens cannot be a class attribute.
        return {LAST_EVENT_ID: parameters.WholeNumberField(least=0, most=POSITION_MAX)}


PARAMETERS, HEADERS = StreamParameters(), StreamHeaders()


def read(request: HttpRequest) -> tuple[Format, int]:
    """The format, and the position after which the reader wants the events. Raises InvalidRequest."""
    given = parameters.read(PARAMETERS, request.GET.dict())
    answer_format = Format(given["format"]) if given.get("format") else _accepted(request)
    return answer_format, given["starting_after"] if "starting_after" in request.GET else _last_event_id(request)


def _accepted(request: HttpRequest) -> Format:
    """By the Accept header; a stream when it names no JSON."""
    accept = request.META.get("HTTP_ACCEPT", "")
    return Format.SSE if "json" not in accept.lower() else formats.negotiate(accept)


def _last_event_id(request: HttpRequest) -> int:
    """The header that SSE clients send by themselves; 0 without one."""
    last = request.META.get("HTTP_LAST_EVENT_ID", "")
    return int(parameters.read(HEADERS, {LAST_EVENT_ID: last})[LAST_EVENT_ID]) if last else 0
