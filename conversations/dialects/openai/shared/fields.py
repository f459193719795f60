"""What a whole answer and a streamed one say in the same words: ids, finish reasons, usage, a vendor's own fields."""

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

# `reasoning_content` carries the thoughts whatever the vendor calls them; under which name is between it and us.
_BETWEEN_US = frozenset({"field"})
# A run that was stopped has no reason of its vendor's. Half a tool call is none that anybody should carry out.
_REASON_OF_STATUS = {RunStatus.CANCELLED: finish_reasons.STOP, RunStatus.INCOMPLETE: finish_reasons.LENGTH}
_PREFIXES = {Operation.CHAT: "chatcmpl", Operation.COMPLETION: "cmpl"}
NOTHING_USED = Usage(0, 0)


def head(asked: ReplyContext) -> Json:
    """The same for every chunk, and for every time the run is read again."""
    return {
        "id": f"{_PREFIXES[asked.operation]}-{ids.unprefixed(asked.run_id)}",
        "created": ids.unix_seconds(asked.run_id),
        "model": asked.model,
    }


def of_call(call: CallStarted | None) -> Json:
    """What the vendor said of the call as a whole: `system_fingerprint`, `service_tier`, …"""
    return {name: value for name, value in own(call.provider_metadata).items() if name != "id"} if call else {}


def finish_reason(said: str | None, *, status: RunStatus, has_tool_calls: bool, is_function: bool = False) -> str:
    """`said` is the vendor's word. `is_function`: the asker knows tools under their older name."""
    unsaid = _REASON_OF_STATUS.get(status, finish_reasons.TOOL_CALLS if has_tool_calls else finish_reasons.STOP)
    reason = finish_reasons.normal(said) if said else unsaid
    return "function_call" if is_function and reason == finish_reasons.TOOL_CALLS else reason


def call_id(given: str | None, index: int) -> str:
    """Of a tool call whose vendor gave it no id; `providers.assembly` makes the same one up."""
    return given or f"call_{index}"


def own(metadata: Metadata | None) -> Json:
    """A vendor's own fields, without its name around them."""
    fields: Json = {}
    for of_vendor in (metadata or {}).values():
        if isinstance(of_vendor, Mapping):
            fields |= {name: value for name, value in of_vendor.items() if name not in _BETWEEN_US}
    ordered: Json = in_order(fields)
    return ordered


def in_order(fields: Any) -> Any:
    """A vendor's members by name: rows do not keep the order they came in, and an answer told again is the same."""
    return orjson.loads(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)) if fields else fields


def usage(used: Usage | None) -> Json:
    """Both breakdowns always (docs/contract C.3); what the vendor did not break down counts as text."""
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
