"""The headers under which a request is accepted: `Idempotency-Key`, `X-On-Busy`, `X-Max-Cost`, `X-Dry-Run`."""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.http import HttpRequest

from conversations import errors
from conversations.models.runs.idempotency import KEY_MAX_CHARS
from conversations.values.requests import OnBusy, Preconditions

# What a column of amounts can hold (rules/money/cost.py). Not every digit of Unicode.
_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,10})?")


def read(request: HttpRequest, *, body: Mapping[str, Any]) -> Preconditions:
    """Raises InvalidRequest for a header that has no meaning."""
    key = _key(request.META.get("HTTP_IDEMPOTENCY_KEY", ""))
    return Preconditions(
        idempotency_key=key,
        body_hash=_hash(request, body) if key else b"",
        on_busy=_on_busy(request.META.get("HTTP_X_ON_BUSY", "")),
        max_cost=_max_cost(request.META.get("HTTP_X_MAX_COST")),
        is_dry_run=_is_dry_run(request.META.get("HTTP_X_DRY_RUN")),
    )


def _key(value: str) -> str:
    key = value.strip()
    if len(key) > KEY_MAX_CHARS or not key.isascii() or not key.isprintable():
        raise errors.InvalidRequest(f"Idempotency-Key must be at most {KEY_MAX_CHARS} visible ASCII characters")
    return key


def _on_busy(value: str) -> OnBusy:
    word = value.strip().lower() or OnBusy.QUEUE
    if word not in set(OnBusy):
        raise errors.InvalidRequest(f"X-On-Busy must be one of {', '.join(OnBusy)}")
    return OnBusy(word)


def _max_cost(value: str | None) -> Decimal | None:
    """An empty one is refused: whoever sends it means a limit, and has lost its amount on the way."""
    if value is None:
        return None
    text = value.strip()
    if not _AMOUNT.fullmatch(text):
        raise errors.InvalidRequest("X-Max-Cost must be an amount such as 0.05, with at most ten decimals")
    return Decimal(text)


def _is_dry_run(value: str | None) -> bool:
    """An empty one is refused, and one that was sent twice: whoever sends it must not be charged by mistake."""
    if value is None:
        return False
    word = value.strip().lower()
    if word not in ("true", "false"):
        raise errors.InvalidRequest("X-Dry-Run must be true or false")
    return word == "true"


def _hash(request: HttpRequest, body: Mapping[str, Any]) -> bytes:
    """Of the path, the conversation's header and the body. Neither Accept nor the order of members changes it.

    Raises InvalidRequest for a body so deep that it can be parsed but not written again.
    """
    digest = hashlib.sha256(request.path.rstrip("/").encode())
    digest.update(b"\n" + request.META.get("HTTP_X_CONVERSATION_ID", "").encode())
    try:
        digest.update(b"\n" + orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError as exc:
        raise errors.InvalidRequest("The request body is nested too deeply.") from exc
    return digest.digest()
