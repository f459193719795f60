"""The fields that answers in one piece and streams share: ids, finish reasons, usage, a vendor's own fields."""

from collections.abc import Mapping
from typing import Any

import orjson

from conversations import ids
from conversations.values.requests import Operation
from conversations.values.runs import ReplyContext, RunStatus
from providers import finish_reasons
from providers.events import CallStarted
from providers.messages import Metadata, Usage

Json = dict[str, Any]

# Callers always get thoughts as `reasoning_content`; the vendor's name for them is kept only to send them back to it.
_INTERNAL = frozenset({"field"})
# A stopped run has no reason from its vendor. It is never `tool_calls`: nobody should carry out half a call.
_REASON_OF_STATUS = {
    RunStatus.CANCELLED: finish_reasons.STOP,
    RunStatus.INCOMPLETE: finish_reasons.LENGTH,
    RunStatus.REQUIRES_ACTION: finish_reasons.STOP,
}
_PREFIXES = {Operation.CHAT: "chatcmpl", Operation.COMPLETION: "cmpl"}
# Of what is kept of a request: its answer may be one with sources.
MAY_HAVE_SOURCES = "sources"
NOTHING_USED = Usage(0, 0)


def head(context: ReplyContext) -> Json:
    """The same in every chunk, and every time the run is read again."""
    return {
        "id": f"{_PREFIXES[context.operation]}-{ids.unprefixed(context.run_id)}",
        "created": ids.unix_seconds(context.run_id),
        "model": context.model,
    }


def of_call(call: CallStarted | None) -> Json:
    """The vendor's facts of the call as a whole: `system_fingerprint`, `service_tier`, …"""
    return (
        {name: value for name, value in vendor_fields(call.provider_metadata).items() if name != "id"} if call else {}
    )


def finish_reason(said: str | None, *, status: RunStatus, has_tool_calls: bool, is_function: bool = False) -> str:
    """`said` is the vendor's reason. `is_function`: the caller knows tools under their older name."""
    unsaid = _REASON_OF_STATUS.get(status, finish_reasons.TOOL_CALLS if has_tool_calls else finish_reasons.STOP)
    reason = finish_reasons.normal(said) if said else unsaid
    return "function_call" if is_function and reason == finish_reasons.TOOL_CALLS else reason


def call_id(given: str | None, index: int) -> str:
    """The vendor's id of a tool call, or the one that `providers.assembly` makes up too where there is none."""
    return given or f"call_{index}"


def vendor_fields(metadata: Metadata | None) -> Json:
    """A vendor's own fields, without the vendor's name that they are kept under."""
    fields: Json = {}
    for of_vendor in (metadata or {}).values():
        if isinstance(of_vendor, Mapping):
            fields |= {name: value for name, value in of_vendor.items() if name not in _INTERNAL}
    ordered: Json = in_order(fields)
    return ordered


def annotations(of_vendor: Mapping[str, Any], ours: list[Json]) -> list[Json]:
    """Ours after those that the vendor's own fields hold."""
    given = of_vendor.get("annotations")
    return [*given, *ours] if isinstance(given, list) else ours


def in_order(fields: Any) -> Any:
    """Sorted by name: rows do not keep the order of members, and a replayed answer must be the same."""
    return orjson.loads(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)) if fields else fields


def usage(used: Usage | None) -> Json:
    """Always with both breakdowns (docs/contract C.3); what the vendor did not break down counts as text."""
    used = used or NOTHING_USED
    prompt = {"cached_tokens": 0, "audio_tokens": 0, "image_tokens": 0, **used.prompt_details}
    completion = {"reasoning_tokens": 0, "audio_tokens": 0, **used.completion_details}
    prompt.setdefault("text_tokens", _rest(used.prompt_tokens, prompt, "audio_tokens", "image_tokens"))
    completion.setdefault("text_tokens", _rest(used.completion_tokens, completion, "audio_tokens", "reasoning_tokens"))
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.total_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }


def _rest(total: int, details: Mapping[str, int], *names: str) -> int:
    return max(0, total - sum(details[name] for name in names))
