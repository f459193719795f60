"""Content parts and tool calls of a message: one function for each type on the wire."""

from collections.abc import Callable, Set
from typing import Any

from conversations.rules import checks
from conversations.rules.checks import Json
from conversations.rules.generation.structured_options import tool_name
from conversations.rules.texts import storable, storable_json
from providers.messages import OPENAI_FORMAT, AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart, ToolCallPart

# Of one message.
PARTS_MAX = 2_048
# The bounds that protocols/openai/chat/tool_calls.py has for answers: an answer may come back in the history.
CALLS_MAX, CALL_ID_MAX_CHARS = 1_024, 16_384
# Members of one message, part or call that only a vendor may know.
VENDOR_FIELDS_MAX, VENDOR_FIELD_NAME_MAX_CHARS = 64, 64
_TYPE_AND_TEXT = frozenset({"type", "text"})
_CALL_FIELDS = frozenset({"id", "type", "function", "custom"})


def vendor_fields(given: Json, known: Set[str], path: str) -> Json | None:
    """The members that are not `known`, under the format's name; null counts as absent."""
    if given.keys() <= known:
        return None
    if len(given) > VENDOR_FIELDS_MAX + len(known):
        checks.refuse(path, f"has more than {VENDOR_FIELDS_MAX} members that are not OpenAI's")
    more = {name: value for name, value in given.items() if name not in known and value is not None}
    for name in more:
        checks.short(name, f"{path}.{name[:VENDOR_FIELD_NAME_MAX_CHARS]}", most=VENDOR_FIELD_NAME_MAX_CHARS)
    return {OPENAI_FORMAT: storable_json(more, param=path)} if more else None


def content(given: Json, path: str) -> tuple[Part, ...] | None:
    """None where the message has no content."""
    found = given.get("content")
    if found is None:
        return None
    path = f"{path}.content"
    if isinstance(found, str):
        return (TextPart(storable(found, param=path)),)
    if not isinstance(found, list):
        checks.refuse(path, "must be a string or an array of parts")
    if not checks.array(found, path, most=PARTS_MAX):
        checks.refuse(path, "must not be an empty array")
    return tuple(_part(part, f"{path}[{index}]") for index, part in enumerate(found))


def tool_calls(given: Json, path: str) -> list[ToolCallPart]:
    found = given.get("tool_calls")
    if found is None:
        return []
    path = f"{path}.tool_calls"
    return [
        _tool_call(call, f"{path}[{index}]") for index, call in enumerate(checks.array(found, path, most=CALLS_MAX))
    ]


def _part(given: Any, path: str) -> Part:
    given = checks.obj(given, path)
    kind = checks.text(given, "type", path)
    if kind not in _KINDS:
        checks.refuse(f"{path}.type", f"must be one of {', '.join(_KINDS)}")
    return _KINDS[kind](given, path)


def _text(given: Json, path: str) -> TextPart:
    return TextPart(checks.text(given, "text", path), vendor_fields(given, _TYPE_AND_TEXT, path))


def _image(given: Json, path: str) -> ImagePart:
    image = checks.member(given, "image_url", path)
    path_of_image = f"{path}.image_url"
    url = checks.nonempty_text(image, "url", path_of_image)
    detail = checks.optional_text(image, "detail", path_of_image)
    return ImagePart(url, detail, vendor_fields(given, {"type", "image_url"}, path))


def _audio(given: Json, path: str) -> AudioPart:
    audio = checks.member(given, "input_audio", path)
    path_of_audio = f"{path}.input_audio"
    return AudioPart(
        data=checks.nonempty_text(audio, "data", path_of_audio),
        format=checks.nonempty_text(audio, "format", path_of_audio),
        provider_metadata=vendor_fields(given, {"type", "input_audio"}, path),
    )


def _file(given: Json, path: str) -> FilePart:
    """`file_url` is our own: the form that a link of `/aichat` is sent upstream in can also be used here."""
    file = checks.member(given, "file", path)
    path_of_file = f"{path}.file"
    found = FilePart(
        url=checks.optional_text(file, "file_url", path_of_file),
        data=checks.optional_text(file, "file_data", path_of_file),
        file_id=checks.optional_text(file, "file_id", path_of_file),
        filename=checks.optional_text(file, "filename", path_of_file),
        provider_metadata=vendor_fields(given, {"type", "file"}, path),
    )
    if not (found.url or found.data or found.file_id):
        checks.refuse(path_of_file, "must have a file_id or file_data")
    return found


def _refusal(given: Json, path: str) -> RefusalPart:
    return RefusalPart(checks.text(given, "refusal", path))


_KINDS: dict[str, Callable[[Json, str], Part]] = {
    "text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "refusal": _refusal,
}


def _tool_call(given: Any, path: str) -> ToolCallPart:
    given = checks.obj(given, path)
    call_id = checks.short(checks.text(given, "id", path), f"{path}.id", most=CALL_ID_MAX_CHARS)
    kind = checks.text(given, "type", path)
    if kind == "custom":
        custom, path_of_custom = checks.member(given, "custom", path), f"{path}.custom"
        metadata = vendor_fields(given, _CALL_FIELDS - {"type"}, path)
        name = tool_name(custom, path_of_custom)
        return ToolCallPart(call_id, name, checks.text(custom, "input", path_of_custom), metadata)
    if kind != "function":
        checks.refuse(f"{path}.type", "must be function or custom")
    function, path_of_function = checks.member(given, "function", path), f"{path}.function"
    name = tool_name(function, path_of_function)
    arguments = checks.text(function, "arguments", path_of_function)
    return ToolCallPart(call_id, name, arguments, vendor_fields(given, _CALL_FIELDS, path))
