"""The generation options of a request: which are passed upstream, all as they are.

Types and ranges of plain values are checked before, by `views/openai/serializers.py`.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from conversations.dialects.openai.chat import functions
from conversations.errors import InvalidRequest
from conversations.rules import checks
from conversations.rules.generation.structured_options import CHECKS, EXTRA_NAME, NEVER_EXTRA
from conversations.rules.texts import storable_json
from providers.messages import EXTRA_BODY

# Plain values, which the serializer has checked.
PLAIN = (
    "temperature", "top_p", "n", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty",
    "user", "seed", "reasoning_effort", "service_tier", "logprobs", "top_logprobs", "parallel_tool_calls",
    "verbosity", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
)  # fmt: skip
EXTRA_MAX_FIELDS, EXTRA_MAX_BYTES = 64, 100_000


def parse(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `fields` under their own names. Raises InvalidRequest that names the place at fault."""
    out = chosen(fields, plain=PLAIN, shaped=CHECKS)
    if "max_completion_tokens" in out:
        # The older name means the same, and vendors refuse both at once.
        out.pop("max_tokens", None)
    if "functions" in fields:
        out |= _functions(fields)
    return out


def chosen(fields: Mapping[str, Any], *, plain: Iterable[str], shaped: Iterable[str] = ()) -> dict[str, Any]:
    """The named ones of `fields`; those of `shaped` are checked. Raises as `parse`."""
    out = {name: storable_json(fields[name], param=name) for name in plain if name in fields}
    for name in shaped:
        if name in fields:
            out[name] = storable_json(CHECKS[name](fields[name]), param=name)
    return out


def extra_body(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that only the vendor knows, as one option, without any that could be taken for ours or the protocol's.

    Only names in lower case are passed on, because some vendors read `Model` as `model`. Raises as `parse`.
    """
    wanted = (
        (name, value)
        for name, value in given.items()
        if value is not None and EXTRA_NAME.fullmatch(name) and name not in NEVER_EXTRA
    )
    kept = dict(islice(wanted, EXTRA_MAX_FIELDS + 1))
    if len(kept) > EXTRA_MAX_FIELDS:
        raise InvalidRequest(f"the request has more than {EXTRA_MAX_FIELDS} fields that are not OpenAI's")
    for name, value in kept.items():
        storable_json(value, param=name)
    if len(orjson.dumps(kept)) > EXTRA_MAX_BYTES:
        largest = max(kept, key=lambda name: len(orjson.dumps(kept[name])))
        checks.refuse(largest, f"is too large: fields that are not OpenAI's have {EXTRA_MAX_BYTES} bytes together")
    return {EXTRA_BODY: kept} if kept else {}


def _functions(fields: Mapping[str, Any]) -> dict[str, Any]:
    if "tools" in fields:
        checks.refuse("functions", "cannot be used together with tools")
    out: dict[str, Any] = {"tools": storable_json(functions.as_tools(fields["functions"]), param="functions")}
    if "function_call" in fields:
        out["tool_choice"] = storable_json(functions.as_tool_choice(fields["function_call"]), param="function_call")
    # An answer has only one function_call.
    return {**out, "parallel_tool_calls": False}
