"""The headers under which a turn is accepted: `Idempotency-Key` and `X-On-Busy`."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest

from conversations import errors
from conversations.models.runs.idempotency import KEY_MAX_CHARS
from conversations.services.runs.accept import Conditions, OnBusy
from conversations.values.callers import Caller
from conversations.values.requests import RunRequest


def read(request: HttpRequest, *, body: Mapping[str, Any], turn: RunRequest, caller: Caller) -> Conditions:
    """Raises InvalidRequest for a header that cannot be obeyed."""
    key = _key(request.META.get("HTTP_IDEMPOTENCY_KEY", ""))
    return Conditions(
        account_id=caller.account_id,
        conversation_id=turn.conversation_id if turn.is_stored else None,
        idempotency_key=key,
        body_hash=_hash(request, body) if key else b"",
        on_busy=_on_busy(request.META.get("HTTP_X_ON_BUSY", "")),
        may_take_key=caller.may_take_idempotency_keys,
    )


def _key(given: str) -> str:
    key = given.strip()
    if len(key) > KEY_MAX_CHARS or not key.isascii() or not key.isprintable():
        raise errors.InvalidRequest(f"Idempotency-Key must be at most {KEY_MAX_CHARS} visible ASCII characters")
    return key


def _on_busy(given: str) -> OnBusy:
    word = given.strip().lower() or OnBusy.QUEUE
    if word not in set(OnBusy):
        raise errors.InvalidRequest(f"X-On-Busy must be one of {', '.join(OnBusy)}")
    return OnBusy(word)


def _hash(request: HttpRequest, body: Mapping[str, Any]) -> bytes:
    """Of what was asked, however it was written; Accept is not part of it, nor the order of members.

    Raises InvalidRequest for a body so deep that it can be read but not written again.
    """
    asked = hashlib.sha256(request.path.rstrip("/").encode())
    asked.update(b"\n" + request.META.get("HTTP_X_CONVERSATION_ID", "").encode())
    try:
        asked.update(b"\n" + orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError as exc:
        raise errors.InvalidRequest("The request body is nested too deeply.") from exc
    return asked.digest()
