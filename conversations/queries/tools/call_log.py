"""The calls of an account's tools, the newest first. A call has no public id: its run, step and index name it."""

from dataclasses import dataclass

from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.functions import Left

from conversations import errors
from conversations.models import ToolCall
from conversations.queries.keyset import LAST_KEY, NO_KEY
from conversations.queries.steps import RESULT_CHARS

PLACE_PARTS = 3
# More digits than a step or an index has.
DIGITS_MAX = 5


@dataclass(frozen=True, slots=True)
class CallPage:
    """`next` is the place behind which the next page begins, None where no call follows."""

    calls: list[ToolCall]
    next: str | None


def place(call: ToolCall) -> str:
    return f"{call.run.public_id}.{call.step}.{call.index}"


def page(*, account_id: int, after: str | None, limit: int) -> CallPage:
    """At most `limit` that follow the call at the place `after`; fewer where a conversation was deleted.

    Each with its run, and with the beginning of its arguments (`given`) and of its result (`beginning`). Raises
    InvalidRequest when no call of the account is there.
    """
    key = LAST_KEY if after is None else _key(account_id, after)
    # As in `keyset`: written as pairs, so that no account's calls are looked for among those of all.
    pair = Tuple(F("account"), F("pk"))
    found = list(
        _shown()
        .filter(TupleGreaterThan(pair, (account_id, NO_KEY)), TupleLessThan(pair, (account_id, key)))
        .order_by("-account", "-pk")[: limit + 1]
    )
    following = place(found[limit - 1]) if len(found) > limit else None
    return CallPage([call for call in found[:limit] if not _is_deleted(call)], following)


def _shown() -> QuerySet[ToolCall]:
    calls = ToolCall.objects.select_related("run", "run__conversation").annotate(
        beginning=Left("result", RESULT_CHARS), given=Left("arguments", RESULT_CHARS)
    )
    return calls.only(
        *("account", "step", "index", "tool_id", "remote_name", "name", "status", "is_error"),
        *("http_status", "seconds", "created_at", "run__public_id", "run__finished_at"),
        *("run__conversation__deleted_at",),
    )


def _is_deleted(call: ToolCall) -> bool:
    conversation = call.run.conversation
    return conversation is not None and conversation.deleted_at is not None


def _key(account_id: int, at: str) -> int:
    parts = at.split(".")
    if len(parts) == PLACE_PARTS and all(_is_number(part) for part in parts[1:]):
        calls = ToolCall.objects.for_account(account_id).filter(run__public_id=parts[0], run__account=account_id)
        key = calls.filter(step=int(parts[1]), index=int(parts[2])).values_list("pk", flat=True).first()
        if key is not None:
            return key
    raise errors.InvalidRequest("cursor is not one of ours", param="cursor")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX
