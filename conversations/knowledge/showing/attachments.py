"""The files, images and sounds of messages: which a model takes as they are, and what stands for the others.

A file that was read is a source; where it stood, the prompt says under which number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from conversations.knowledge.showing import neutral
from conversations.values.context.sources import Attachment, Gathered, Source, SourceKind
from providers.catalog import Inputs
from providers.messages import AudioPart, FilePart, ImagePart, Message, Part, TextPart, ToolResultPart

Attached = FilePart | ImagePart | AudioPart

NAME_MAX_CHARS = 200
NO_ROOM = "there is no room for it"
_DATA = "data:"
_PDF = "data:application/pdf"
# "%PDF-" in base64, as its first bytes.
_PDF_IN_BASE64 = "JVBERi0"
_KINDS = {FilePart: "file", ImagePart: "image", AudioPart: "audio"}
_WORDS = {FilePart: "File", ImagePart: "Image", AudioPart: "Sound"}


def any_in(messages: Iterable[Message]) -> bool:
    """Whether a message holds a file, an image or a sound. A shortcut: nearly no message does."""
    return any(
        _has_any(message.parts)
        for message in messages
        if len(message.parts) != 1 or not isinstance(message.parts[0], TextPart)
    )


def _has_any(parts: Sequence[Part]) -> bool:
    return any(
        isinstance(part, Attached) or (isinstance(part, ToolResultPart) and _has_any(part.parts)) for part in parts
    )


def of(message: Message) -> Iterator[tuple[int, Attached]]:
    """Each with its index in the content of the message, which for a result of a tool is that of the result."""
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            yield from ((at, inner) for at, inner in enumerate(part.parts) if isinstance(inner, Attached))
    yield from ((at, part) for at, part in enumerate(message.parts) if isinstance(part, Attached))


def takes(inputs: Inputs, part: Attached, *, is_unreachable: bool = False) -> bool:
    """Whether a model takes it as it is. `is_unreachable`: it is a link that the vendor cannot follow."""
    match part:
        case ImagePart():
            return _data_or_url(part.url) in inputs.images and not is_unreachable
        case FilePart(file_id=str()):
            return "id" in inputs.files
        case FilePart(url=str()):
            return "url" in inputs.files and not is_unreachable
        case FilePart():
            return "data" in inputs.files or ("pdf" in inputs.files and is_pdf(part))
        case AudioPart():
            # An earlier spoken answer is known by its id to the vendor that spoke.
            return inputs.audio or part.audio_id is not None


def _data_or_url(url: str) -> str:
    return "data" if url[: len(_DATA)].lower() == _DATA else "url"


def is_pdf(part: FilePart) -> bool:
    data = part.data or ""
    declared = data[: len(_PDF)].lower()
    return declared == _PDF or (not declared.startswith(_DATA) and data.startswith(_PDF_IN_BASE64))


def name_of(part: Attached) -> str:
    """For people and models: the file's own name, or the end of its link; "" for neither."""
    given = part.filename if isinstance(part, FilePart) else None
    url = "" if isinstance(part, AudioPart) else part.url or ""
    found = given or ("" if _data_or_url(url) == "data" else url)
    return " ".join("".join(letter for letter in found if letter.isprintable()).split())[:NAME_MAX_CHARS]


def kind_of(part: Attached) -> str:
    """As receipts call it."""
    return _KINDS[type(part)]


def left_out(gathered: Gathered, inputs: Inputs) -> dict[int, Attachment]:
    """Those that a model does not take as they are, by the identity of their parts."""
    return {
        id(found.part): found
        for found in gathered.attachments
        if isinstance(found.part, Attached) and not takes(inputs, found.part, is_unreachable=found.is_unreachable)
    }


def needed(sources: Sequence[Source], replaced: Mapping[int, Attachment]) -> tuple[Source, ...]:
    """Without those of files that the model takes as they are."""
    read = {found.source for found in replaced.values()}
    return tuple(source for source in sources if source.kind is not SourceKind.REFERENCE or source.id in read)


def placed(
    messages: tuple[Message, ...], replaced: Mapping[int, Attachment], *, sources: Sequence[Source], inputs: Inputs
) -> tuple[Message, ...]:
    """The messages with what stands for each of `replaced`. One in which nothing is replaced is the same object.

    `sources` are those that are shown, in the order of their numbers.
    """
    if not replaced:
        return messages
    numbers = {source.id: number for number, source in enumerate(sources, 1) if source.kind is SourceKind.REFERENCE}
    return tuple(_placed_in(message, replaced, numbers, inputs) for message in messages)


def _placed_in(
    message: Message, replaced: Mapping[int, Attachment], numbers: Mapping[str, int], inputs: Inputs
) -> Message:
    parts = tuple(_instead(part, replaced, numbers, inputs) for part in message.parts)
    is_same = all(new is old for new, old in zip(parts, message.parts, strict=True))
    return message if is_same else replace(message, parts=parts)


def _instead(part: Part, replaced: Mapping[int, Attachment], numbers: Mapping[str, int], inputs: Inputs) -> Part:
    if isinstance(part, ToolResultPart):
        inner = tuple(_instead(one, replaced, numbers, inputs) for one in part.parts)
        is_same = all(new is old for new, old in zip(inner, part.parts, strict=True))
        return part if is_same else replace(part, parts=inner)
    found = replaced.get(id(part))
    if found is None:
        return part
    if found.image and "data" in inputs.images:
        return replace(part, url=found.image) if isinstance(part, ImagePart) else ImagePart(found.image)
    return TextPart(_note(found, numbers))


def _note(found: Attachment, numbers: Mapping[str, int]) -> str:
    name = neutral.line(found.name, most=NAME_MAX_CHARS)
    what = _WORDS.get(type(found.part), "File") + (f": {name}" if name else "")
    if number := numbers.get(found.source):
        return f"\n[{what}. It is source {number}.]\n"
    return f"\n[{what}. It is not shown: {why_not_shown(found)}.]\n"


def why_not_shown(found: Attachment) -> str:
    """Of one that is no source with a number, and no image of this model's."""
    return found.problem or (NO_ROOM if found.source else "this model takes no images")
