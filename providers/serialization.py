"""Parts, messages, usage and events as plain JSON dicts and back: the stored form, described in docs/parts.md.

For wire forms see `protocols/` (vendors) and the dialects (customers).
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, cast

import orjson

from providers import events, messages
from providers.events import StreamEvent
from providers.messages import Message, Part, Role, Usage, UsedBeside

# Increased when a stored form changes its meaning. A new optional field or part type does not count as a change.
PARTS_VERSION = 1
# The number of keys of a text part without anything else: type and text.
PLAIN_TEXT_KEYS = 2

Json = dict[str, Any]


class UnreadableStoredForm(ValueError):
    """The stored form was written by a newer version, or is corrupt."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How one dataclass is written: its tag, (attribute, key, default) of each field, and attribute by key."""

    tag: str
    cls: type[Any]
    slots: tuple[tuple[str, str, Any], ...]
    attributes: Mapping[str, str]


def _default(field: "Field[Any]") -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _form(tag: str, cls: type[Any], keys: Mapping[str, str]) -> _Form:
    slots = tuple((field.name, keys.get(field.name, field.name), _default(field)) for field in fields(cls))
    return _Form(tag, cls, slots, {key: attribute for attribute, key, _ in slots})


def _by_tag(classes: Mapping[str, type[Any]], keys: Mapping[str, str]) -> dict[str, _Form]:
    return {tag: _form(tag, cls, keys) for tag, cls in classes.items()}


_PARTS = _by_tag(
    {
        "text": messages.TextPart,
        "image": messages.ImagePart,
        "audio": messages.AudioPart,
        "file": messages.FilePart,
        "tool_call": messages.ToolCallPart,
        "tool_result": messages.ToolResultPart,
        "reasoning": messages.ReasoningPart,
        "refusal": messages.RefusalPart,
        "embedding": messages.EmbeddingPart,
    },
    {},
)
_PART_FORMS = {form.cls: form for form in _PARTS.values()}

# Events go through Redis once per token, so their keys are short. Only `dump_event` and `load_event` use them.
_EVENTS = _by_tag(
    {
        "start": events.CallStarted,
        "text": events.TextDelta,
        "think": events.ReasoningDelta,
        "refuse": events.RefusalDelta,
        "tool": events.ToolCallDelta,
        "audio": events.AudioDelta,
        "vector": events.EmbeddingMade,
        "finish": events.ChoiceFinished,
        "usage": events.UsageReported,
    },
    {"text": "d", "choice": "c", "index": "i", "arguments": "d", "provider_metadata": "m"},
)
_EVENT_FORMS = {form.cls: form for form in _EVENTS.values()}
_USAGE = _form("usage", Usage, {})
_BESIDE = _form("beside", UsedBeside, {})


def _dump(value: Any, form: _Form, tagged_as: str) -> Json:
    """Fields equal to their default are left out; a required field is always written."""
    out: Json = {tagged_as: form.tag}
    for attribute, key, default in form.slots:
        field_value = getattr(value, attribute)
        if field_value != default:
            out[key] = field_value
    return out


def _load(data: Mapping[str, Any], forms: Mapping[str, _Form], tagged_as: str) -> Any:
    tag = data.get(tagged_as)
    form = forms.get(tag) if isinstance(tag, str) else None
    if form is None:
        raise UnreadableStoredForm(f"unknown {tagged_as} {tag!r}: written by a newer version?")
    return _build(data, form)


def _build(data: Mapping[str, Any], form: _Form) -> Any:
    """Unknown keys are ignored: a newer version may have added an optional field."""
    known = form.attributes
    try:
        return form.cls(**{known[key]: value for key, value in data.items() if key in known})
    except TypeError as exc:
        raise UnreadableStoredForm(f"{form.tag!r} lacks a required field") from exc


def dump_parts(parts: Iterable[Part]) -> list[Json]:
    return [_dump_part(part) for part in parts]


def size(parts: Iterable[Json]) -> int:
    """Of the stored form, roughly in bytes: the characters of a text part, the JSON of any other."""
    return sum(len(part["text"]) if part.get("type") == "text" else len(orjson.dumps(part)) for part in parts)


def _dump_part(part: Part) -> Json:
    out = _dump(part, _PART_FORMS[type(part)], "type")
    if isinstance(part, messages.ToolResultPart):
        out["parts"] = dump_parts(part.parts)
    return out


def load_parts(data: Iterable[Mapping[str, Any]], *, version: int = PARTS_VERSION) -> tuple[Part, ...]:
    """Raises UnreadableStoredForm for a part type, or a stored version, that this version does not know."""
    if version > PARTS_VERSION:
        raise UnreadableStoredForm(f"parts of version {version}; this version reads up to {PARTS_VERSION}")
    return tuple(_load_part(part) for part in data)


def _load_part(data: Mapping[str, Any]) -> Part:
    # A shortcut for nearly every part of nearly every history; it takes a tenth of the time.
    if len(data) == PLAIN_TEXT_KEYS and data.get("type") == "text" and "text" in data:
        return messages.TextPart(data["text"])
    if data.get("type") == "tool_result":
        data = {**data, "parts": load_parts(data.get("parts", ()))}
    return cast("Part", _load(data, _PARTS, "type"))


def dump_message(message: Message) -> Json:
    out: Json = {"role": message.role.value, "parts": dump_parts(message.parts)}
    if message.name is not None:
        out["name"] = message.name
    if message.provider_metadata:
        out["provider_metadata"] = dict(message.provider_metadata)
    return out


def load_message(data: Mapping[str, Any]) -> Message:
    """Raises UnreadableStoredForm for a role or part type that this version does not know."""
    try:
        role = Role(data["role"])
    except (KeyError, ValueError) as exc:
        raise UnreadableStoredForm(f"unknown role {data.get('role')!r}: written by a newer version?") from exc
    return Message(role, load_parts(data.get("parts", ())), data.get("name"), data.get("provider_metadata"))


def dump_usage(usage: Usage) -> Json:
    out = _dump(usage, _USAGE, "source")
    out["source"] = usage.source
    if usage.of_calls:
        out["of_calls"] = [dump_usage(call) for call in usage.of_calls]
    if usage.beside:
        out["beside"] = [
            {key: given for name, key, default in _BESIDE.slots if (given := getattr(used, name)) != default}
            for used in usage.beside
        ]
    return out


def load_usage(data: Mapping[str, Any]) -> Usage:
    """Raises UnreadableStoredForm when a token count is missing."""
    if calls := data.get("of_calls"):
        data = {**data, "of_calls": tuple(map(load_usage, calls))}
    if beside := data.get("beside"):
        data = {**data, "beside": tuple(cast("UsedBeside", _build(used, _BESIDE)) for used in beside)}
    return cast("Usage", _build(data, _USAGE))


def dump_event(event: StreamEvent) -> Json:
    if isinstance(event, events.UsageReported):
        return {"e": "usage", "usage": dump_usage(event.usage)}
    return _dump(event, _EVENT_FORMS[type(event)], "e")


def load_event(data: Mapping[str, Any]) -> StreamEvent:
    """Raises UnreadableStoredForm for an event kind that this version does not know."""
    if data.get("e") == "usage":
        return events.UsageReported(load_usage(data.get("usage", {})))
    return cast("StreamEvent", _load(data, _EVENTS, "e"))
