"""Content parts and tool calls of a message: one function for each type of the wire."""

from collections.abc import Callable, Set
from typing import Any

from conversations.rules import checks
from conversations.rules.checks import Json
from conversations.rules.generation.structured_options import tool_name
from conversations.rules.texts import storable, storable_json
from providers.messages import AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart, ToolCallPart
from providers.protocols.openai_chat.request import PROTOCOL

# Of one message.
PARTS_MAX = 2_048
# An answer that we gave may come back: protocols/openai_chat/tool_calls.py lets it have as many and as long ones.
CALLS_MAX, CALL_ID_MAX_CHARS = 1_024, 16_384
# Of one message, part or call, that only a vendor may know.
OWN_MAX, OWN_NAME_MAX_CHARS = 64, 64
_TYPE_AND_TEXT = frozenset({"type", "text"})
_CALL_FIELDS = frozenset({"id", "type", "function", "custom"})


def own(given: Json, known: Set[str], place: str) -> Json | None:
    """What else was given, kept under the format's name; null is as good as absent."""
    if given.keys() <= known:
        return None
    if len(given) > OWN_MAX + len(known):
        checks.refuse(place, f"has more than {OWN_MAX} members that are not OpenAI's")
    more = {name: value for name, value in given.items() if name not in known and value is not None}
    for name in more:
        checks.short(name, f"{place}.{name[:OWN_NAME_MAX_CHARS]}", most=OWN_NAME_MAX_CHARS)
    return {PROTOCOL: storable_json(more, param=place)} if more else None


def content(given: Json, place: str) -> tuple[Part, ...] | None:
    """None where there is none."""
    found = given.get("content")
    if found is None:
        return None
    place = f"{place}.content"
    if isinstance(found, str):
        return (TextPart(storable(found, param=place)),)
    if not isinstance(found, list):
        checks.refuse(place, "must be a string or an array of parts")
    if not checks.array(found, place, most=PARTS_MAX):
        checks.refuse(place, "must not be an empty array")
    return tuple(_part(part, f"{place}[{index}]") for index, part in enumerate(found))


def tool_calls(given: Json, place: str) -> list[ToolCallPart]:
    found = given.get("tool_calls")
    if found is None:
        return []
    place = f"{place}.tool_calls"
    return [
        _tool_call(call, f"{place}[{index}]") for index, call in enumerate(checks.array(found, place, most=CALLS_MAX))
    ]


def _part(given: Any, place: str) -> Part:
    given = checks.obj(given, place)
    kind = checks.text(given, "type", place)
    if kind not in _KINDS:
        checks.refuse(f"{place}.type", f"must be one of {', '.join(_KINDS)}")
    return _KINDS[kind](given, place)


def _text(given: Json, place: str) -> TextPart:
    return TextPart(checks.text(given, "text", place), own(given, _TYPE_AND_TEXT, place))


def _image(given: Json, place: str) -> ImagePart:
    image = checks.member(given, "image_url", place)
    place_of_image = f"{place}.image_url"
    url = checks.word(image, "url", place_of_image)
    detail = checks.optional_text(image, "detail", place_of_image)
    return ImagePart(url, detail, own(given, {"type", "image_url"}, place))


def _audio(given: Json, place: str) -> AudioPart:
    audio = checks.member(given, "input_audio", place)
    place_of_audio = f"{place}.input_audio"
    return AudioPart(
        data=checks.word(audio, "data", place_of_audio),
        format=checks.word(audio, "format", place_of_audio),
        provider_metadata=own(given, {"type", "input_audio"}, place),
    )


def _file(given: Json, place: str) -> FilePart:
    """`file_url` is our own: what a link of `/aichat` becomes upstream may also be asked for here."""
    file = checks.member(given, "file", place)
    place_of_file = f"{place}.file"
    found = FilePart(
        url=checks.optional_text(file, "file_url", place_of_file),
        data=checks.optional_text(file, "file_data", place_of_file),
        file_id=checks.optional_text(file, "file_id", place_of_file),
        filename=checks.optional_text(file, "filename", place_of_file),
        provider_metadata=own(given, {"type", "file"}, place),
    )
    if not (found.url or found.data or found.file_id):
        checks.refuse(place_of_file, "must have a file_id or file_data")
    return found


def _refusal(given: Json, place: str) -> RefusalPart:
    return RefusalPart(checks.text(given, "refusal", place))


_KINDS: dict[str, Callable[[Json, str], Part]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "refusal": _refusal,
}


def _tool_call(given: Any, place: str) -> ToolCallPart:
    given = checks.obj(given, place)
    call_id = checks.short(checks.text(given, "id", place), f"{place}.id", most=CALL_ID_MAX_CHARS)
    kind = checks.text(given, "type", place)
    if kind == "custom":
        custom, place_of_custom = checks.member(given, "custom", place), f"{place}.custom"
        metadata = own(given, _CALL_FIELDS - {"type"}, place)
        name = tool_name(custom, place_of_custom)
        return ToolCallPart(call_id, name, checks.text(custom, "input", place_of_custom), metadata)
    if kind != "function":
        checks.refuse(f"{place}.type", "must be function or custom")
    function, place_of_function = checks.member(given, "function", place), f"{place}.function"
    name = tool_name(function, place_of_function)
    arguments = checks.text(function, "arguments", place_of_function)
    return ToolCallPart(call_id, name, arguments, own(given, _CALL_FIELDS, place))
