"""Request bodies: UTF-8, JSON objects, checked by a serializer."""

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest
from rest_framework import serializers

from conversations import errors
from conversations.rules import json_size, texts
from conversations.values.callers import Caller
from conversations.views.bodies import budget, incoming

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Strict JSON can write NUL only so. A text that mentions these six characters has them too, and passes the check.
NUL = b"\\u0000"
# A character at its longest: two escapes, as Python's json writes an emoji.
ESCAPED_BYTES = 12


async def read_fields(
    request: HttpRequest,
    serializer: serializers.Serializer[Any],
    *,
    caller: Caller,
    keep_null: bool = False,
    may_be_empty: bool = False,
    chars: int = 0,
) -> dict[str, Any]:
    """The fields of a route that takes a few small values, and so only small bodies.

    `keep_null`: null is a value of its own. `may_be_empty`: no body is as good as one without fields. `chars`: the
    characters of its long texts, whose own bounds say how long they may be, however they are written. Raises
    InvalidRequest, BodyTooLarge, RateLimited or ServiceUnavailable.
    """
    with budget.of_process().reserve(caller.account_id) as reservation:
        most = budget.SMALL_BYTES
        if chars:
            most += min(chars * ESCAPED_BYTES, settings.MAX_BODY_BYTES)
        body = await incoming.of(request).read(most=most, reservation=reservation)
        fields = {} if may_be_empty and not body.strip() else json_object(body, request)
        return validated(serializer, fields, keep_null=keep_null)


def json_object(body: bytes | bytearray, request: HttpRequest) -> dict[str, Any]:
    """The parsed body. A byte order mark is tolerated (docs/contract E).

    Raises InvalidRequest, also for a NUL in any text: PostgreSQL stores none.
    """
    if len(body) > budget.SMALL_BYTES and json_size.has_too_many_values(body):
        raise errors.InvalidRequest(f"The request body holds more than {json_size.MAX_VALUES} JSON values.")
    try:
        value = orjson.loads(memoryview(body)[len(BYTE_ORDER_MARK) :] if body.startswith(BYTE_ORDER_MARK) else body)
    except orjson.JSONDecodeError as exc:
        raise errors.InvalidRequest(_why_unreadable(request)) from exc
    if not isinstance(value, dict):
        raise errors.InvalidRequest("The request body must be a JSON object.")
    if NUL in body:
        texts.check_storable(value)
    return value


def _why_unreadable(request: HttpRequest) -> str:
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        return "The request body must not be compressed: no Content-Encoding is understood."
    return "The request body is not valid JSON in UTF-8."


def validated(
    serializer: serializers.Serializer[Any], data: dict[str, Any], *, keep_null: bool = False
) -> dict[str, Any]:
    """The serializer's fields without those sent as null, which means left out. Raises InvalidRequest.

    `keep_null`: with them.

    All requests may share one serializer: validation keeps nothing on it, and making one costs half a millisecond.
    """
    try:
        fields = serializer.run_validation(data)
    except serializers.ValidationError as exc:
        raise _refusal(exc.detail) from exc
    return {name: value for name, value in fields.items() if keep_null or value is not None}


def _refusal(problems: Any) -> errors.InvalidRequest:
    name, problem = _first_problem(problems)
    if problem.code == "required":
        return errors.InvalidRequest(f"{name} is required", param=name)
    return errors.InvalidRequest(f"{name}: {problem}", param=name)


def _first_problem(problems: Any) -> tuple[str, Any]:
    """The path and detail of the first error in DRF's nested lists and dicts."""
    path: list[str] = []
    while isinstance(problems, dict | list):
        if isinstance(problems, dict):
            key, problems = next(iter(problems.items()))
            path.append(str(key))
        else:
            problems = next(item for item in problems if item)
    return ".".join(path), problems
