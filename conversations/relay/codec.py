"""The form of events in Redis, and the names of their keys and channels."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson

from conversations.values.context import source_records
from conversations.values.runs import RunEnded, RunEvent, RunStatus
from conversations.values.tool_calls import dump_required, load_required
from providers import serialization
from providers.events import AudioDelta, StreamEvent, TextDelta, ToolCallDelta

# The member in which `serialization` keeps an event's kind, and the kind of the one event that is not a provider's.
KIND = "e"
ENDED = "ended"


def log_key(run_id: str, attempt: int) -> str:
    return f"parley:log:{run_id}:{attempt}"


def channel(process_id: str, run_id: str) -> str:
    """`process_id`: of the web process that accepted the run; `*` as `run_id` is the pattern of all its channels."""
    return f"parley:run:{process_id}:{run_id}"


def dump_item(event: StreamEvent | RunEnded) -> Any:
    if not isinstance(event, RunEnded):
        return serialization.dump_event(event)
    return {
        KIND: ENDED,
        "status": event.status.value,
        "reasons": event.finish_reasons,
        "usage": serialization.dump_usage(event.usage) if event.usage else None,
        "code": event.error_code,
        "message": event.error_message,
        "facts": event.error_facts,
        **(source_records.dump(event.sourced, is_live=True) if event.sourced else {}),
        **({"required": dump_required(event.required)} if event.required else {}),
        **({"cost": str(event.cost)} if event.cost else {}),
    }


def load_item(item: Any) -> StreamEvent | RunEnded:
    if item[KIND] != ENDED:
        return serialization.load_event(item)
    return RunEnded(
        status=RunStatus(item["status"]),
        finish_reasons=tuple(item["reasons"]),
        usage=serialization.load_usage(item["usage"]) if item["usage"] else None,
        error_code=item["code"],
        error_message=item["message"],
        # A worker of the release before this one writes none.
        error_facts=item.get("facts", {}),
        sourced=source_records.load(item),
        required=load_required(item.get("required", ())),
        cost=Decimal(item.get("cost", 0)),
    )


# Of one position: the event's kind, its choice, how many characters it holds, and a detail where its kind has one.
Shape = tuple[str, int, int] | tuple[str, int, int, int]


def shape(items: Iterable[StreamEvent | RunEnded]) -> list[Shape]:
    return [_shape(item) for item in items]


def _shape(item: StreamEvent | RunEnded) -> Shape:
    """The detail: a tool call's index, the number of token logprobs, or the length of an audio's transcript."""
    kind = type(item).__name__
    match item:
        case TextDelta(logprobs=None):
            return (kind, item.choice, len(item.text))
        case TextDelta(logprobs=logprobs):
            tokens = max((len(value) for value in (logprobs or {}).values() if isinstance(value, list)), default=0)
            return (kind, item.choice, len(item.text), tokens)
        case ToolCallDelta():
            return (kind, item.choice, len(item.arguments), item.index)
        case AudioDelta(audio=audio):
            # Padding is not counted: some vendors send it with every fragment, others only with the last.
            data, transcript = str(audio.get("data") or ""), str(audio.get("transcript") or "")
            return (kind, item.choice, len(data.rstrip("=")), len(transcript))
        case _:
            return (kind, getattr(item, "choice", 0), len(getattr(item, "text", "")))


def load_published(data: bytes) -> tuple[int, list[RunEvent]]:
    """The attempt and the numbered events of one PUBLISH.

    No events when this release cannot read it: the log may have them in entries that it can read.
    """
    try:
        message = orjson.loads(data)
        return message["attempt"], [
            RunEvent(position, load_item(item))
            for position, item in enumerate(message["items"], start=message["first"])
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0, []


def load_log(entries: Any) -> list[RunEvent]:
    """What XRANGE returned, `[(id, {b"e": item}), …]`, as numbered events; a fence is left out.

    Up to the first entry that this release cannot read: after it there would be a gap.
    """
    found: list[RunEvent] = []
    for entry_id, fields in entries:
        if b"e" not in fields:
            continue
        event = _load_entry(fields[b"e"])
        if event is None:
            break
        found.append(RunEvent(position(entry_id), event))
    return found


def position(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])


def _load_entry(entry: bytes) -> StreamEvent | RunEnded | None:
    """None for an entry that is broken, or that another release wrote in a form of its own."""
    try:
        return load_item(orjson.loads(entry))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
