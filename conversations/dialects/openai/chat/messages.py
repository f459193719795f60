"""The `messages` of a request as canonical messages (docs/contract C.2).

Members that the format does not know but a vendor may (`cache_control`, `prefix`, …) are kept under the format's own
name and sent upstream unchanged. Content that is one plain text part is sent as a string.
"""

from typing import Any

from conversations.dialects.openai.chat import functions, parts
from conversations.dialects.openai.chat.parts import vendor_fields
from conversations.rules import checks
from conversations.rules.checks import Json
from providers.messages import AudioPart, Message, Part, ReasoningPart, RefusalPart, Role, ToolResultPart

PARAM = "messages"
# The length of the column (models/conversations/messages.py). OpenAI's own limit is 64.
NAME_MAX_CHARS = 200
# Of all messages together. The number of messages was checked before, against the setting MAX_MESSAGES.
PARTS_MAX = 20_000
_PLAIN = {"system": Role.SYSTEM, "developer": Role.DEVELOPER, "user": Role.USER}
_PLAIN_FIELDS = frozenset({"role", "content", "name"})
_TOOL_FIELDS = frozenset({"role", "content", "tool_call_id"})
_ASSISTANT_FIELDS = _PLAIN_FIELDS | {"refusal", "audio", "tool_calls", "function_call", "reasoning_content"}
ROLES = (*_PLAIN, "assistant", "tool", "function")


def parse(given: Any) -> tuple[Message, ...]:
    """Raises InvalidRequest that names the path at fault."""
    if not isinstance(given, list):
        checks.refuse(PARAM, "must be an array")
    if not given:
        checks.refuse(PARAM, "must hold at least one message")
    _check_parts(given)
    calls = functions.Calls()
    return tuple(_message(message, f"{PARAM}[{index}]", calls) for index, message in enumerate(given))


def _check_parts(given: list[Any]) -> None:
    """Checks how many parts there are in all, before any of them is looked at."""
    count = 0
    for message in given:
        if isinstance(message, dict):
            lists = (message.get("content"), message.get("tool_calls"))
            count += sum(len(found) for found in lists if isinstance(found, list))
    if count > PARTS_MAX:
        checks.refuse(PARAM, f"has more than {PARTS_MAX} content parts and tool calls in all")


def _message(given: Any, path: str, calls: functions.Calls) -> Message:
    given = checks.obj(given, path)
    role = checks.text(given, "role", path)
    if role in _PLAIN:
        return Message(
            _PLAIN[role], _needed(given, path), _name(given, path), vendor_fields(given, _PLAIN_FIELDS, path)
        )
    if role == "assistant":
        return _assistant(given, path, calls)
    if role == "tool":
        call_id = checks.text(given, "tool_call_id", path)
        checks.short(call_id, f"{path}.tool_call_id", most=parts.CALL_ID_MAX_CHARS)
        return _result(call_id, _needed(given, path), vendor_fields(given, _TOOL_FIELDS, path))
    if role == "function":
        call_id = calls.answered(checks.nonempty_text(given, "name", path), path)
        return _result(call_id, parts.content(given, path) or (), None)
    return checks.refuse(f"{path}.role", f"must be one of {', '.join(ROLES)}")


def _name(given: Json, path: str) -> str | None:
    name = checks.optional_text(given, "name", path)
    return name and checks.short(name, f"{path}.name", most=NAME_MAX_CHARS)


def _needed(given: Json, path: str) -> tuple[Part, ...]:
    found = parts.content(given, path)
    if found is None:
        checks.refuse(f"{path}.content", "is required")
    return found


def _result(call_id: str, said: tuple[Part, ...], metadata: Json | None) -> Message:
    return Message(Role.TOOL, (ToolResultPart(call_id, said, provider_metadata=metadata),))


def _assistant(given: Json, path: str, calls: functions.Calls) -> Message:
    """Its parts are in the order in which a model makes them: thoughts, words, a refusal, audio, tool calls."""
    found: list[Part] = []
    if thoughts := checks.optional_text(given, "reasoning_content", path):
        found.append(ReasoningPart(thoughts))
    said = parts.content(given, path)
    found.extend(said or ())
    if (refusal := checks.optional_text(given, "refusal", path)) is not None:
        found.append(RefusalPart(refusal))
    if given.get("audio") is not None:
        found.append(AudioPart(audio_id=checks.text(checks.member(given, "audio", path), "id", f"{path}.audio")))
    found.extend(parts.tool_calls(given, path))
    if given.get("function_call") is not None:
        found.append(calls.asked(checks.member(given, "function_call", path), f"{path}.function_call"))
    if said is None and all(isinstance(part, ReasoningPart) for part in found):
        checks.refuse(f"{path}.content", "is required unless there are tool_calls")
    return Message(Role.ASSISTANT, tuple(found), _name(given, path), vendor_fields(given, _ASSISTANT_FIELDS, path))
