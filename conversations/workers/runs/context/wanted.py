"""Which files, images and sounds of a turn have to be read for its model, and what they are called."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from conversations.errors import InvalidRequest
from conversations.knowledge.showing import attachments
from conversations.knowledge.showing.attachments import Attached
from conversations.outbound import fetch, guard
from conversations.services.runs.records import PromptInputs
from conversations.values.context import contents
from conversations.workers.runs.history import History
from providers.catalog import Inputs
from providers.messages import AudioPart, FilePart, ImagePart, Message, Role

QUOTED_URL_CHARS = 200
# The key of what a message holds, as long as nobody needs its digest.
HELD = b""
NO_FILE_IDS = "this model does not take the ids of files"
NO_SOUND = "this model takes no sound"
NO_IMAGES = "this model takes no images"
_URL_SAFE = str.maketrans("-_", "+/", " \t\r\n")


@dataclass(frozen=True, slots=True)
class Document:
    """A file that a message holds: `media_type` as it was declared, with its parameters."""

    data: bytes
    media_type: str
    name: str

    @property
    def digest(self) -> bytes:
        return contents.content_digest(self.data, media_type=self.media_type, name=self.name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part that not every target takes as it is.

    `place` is what the caller calls it, "" in an earlier turn. `key` is what its content is known by, None where
    nothing can be read. `problem` says why then.
    """

    part: Attached
    name: str
    place: str = ""
    key: bytes | None = None
    problem: str = ""
    is_unreachable: bool = False

    @property
    def is_new(self) -> bool:
        return bool(self.place)

    @property
    def link(self) -> str:
        """Its address, "" for what a message holds itself."""
        if isinstance(self.part, ImagePart):
            return "" if self.part.url[:5].lower() == "data:" else self.part.url
        return self.part.url or "" if isinstance(self.part, FilePart) else ""

    def document(self) -> Document:
        """What a message holds itself. Raises ValueError, with words for its caller."""
        part = self.part
        return _document(part.data or "", part.filename or "") if isinstance(part, FilePart) else Document(b"", "", "")

    def refused(self, problem: str) -> InvalidRequest:
        """The error that names it."""
        quoted = f" ({self.name[:QUOTED_URL_CHARS]})" if self.name else ""
        is_reference = self.place.startswith("references[")
        return InvalidRequest(f"{self.place}{quoted}: {problem}", param="references" if is_reference else self.place)


def of_turn(inputs: PromptInputs, history: History, takers: Sequence[Inputs]) -> list[Wanted]:
    """In the order of the conversation."""
    found: list[Wanted] = []
    if history.has_attachments:
        for message in history.messages:
            found += (_wanted(part, "", takers) for _, part in attachments.of(message))
    if attachments.any_in(inputs.messages):
        found += (_wanted(part, place, takers) for part, place in _of_messages(inputs))
    return [wanted for wanted in found if not _is_taken(wanted, takers)]


def _of_messages(inputs: PromptInputs) -> Iterator[tuple[Attached, str]]:
    """The turn's own parts with their places. Who sends a whole conversation has earlier turns in it."""
    begins = _turn_begins(inputs.messages)
    for at, message in enumerate(inputs.messages):
        for number, (index, part) in enumerate(attachments.of(message)):
            yield part, _place(inputs, at, index, number, part) if at >= begins else ""


def _turn_begins(messages: Sequence[Message]) -> int:
    return next((at + 1 for at in reversed(range(len(messages))) if messages[at].role is Role.ASSISTANT), 0)


def _place(inputs: PromptInputs, message: int, index: int, number: int, part: Attached) -> str:
    if number < len(inputs.links):
        return f"references[{inputs.links[number]}]"
    member = {FilePart: "file", ImagePart: "image_url", AudioPart: "input_audio"}[type(part)]
    return f"messages[{inputs.skipped + message}].content[{index}].{member}"


def _is_taken(wanted: Wanted, takers: Sequence[Inputs]) -> bool:
    return all(attachments.takes(taker, wanted.part, is_unreachable=wanted.is_unreachable) for taker in takers)


def _wanted(part: Attached, place: str, takers: Sequence[Inputs]) -> Wanted:
    name = attachments.name_of(part)
    match part:
        case AudioPart():
            return Wanted(part, name, place, problem=NO_SOUND)
        case FilePart(file_id=str()):
            return Wanted(part, name, place, problem=NO_FILE_IDS)
        case ImagePart(url=url):
            return _wanted_image(part, url, place, takers)
        case FilePart(url=str(url)):
            return Wanted(part, name, place, contents.link_key(url), is_unreachable=guard.is_surely_private(url))
        case FilePart():
            return Wanted(part, name, place, HELD)


def _wanted_image(part: ImagePart, url: str, place: str, takers: Sequence[Inputs]) -> Wanted:
    name = attachments.name_of(part)
    if not name or not any("data" in taker.images for taker in takers):
        return Wanted(part, name, place, problem=NO_IMAGES)
    return Wanted(part, name, place, contents.link_key(url), is_unreachable=guard.is_surely_private(url))


def _document(given: str, name: str) -> Document:
    """Of a data URL, or of base64 alone."""
    head, comma, body = given.partition(",") if given[:5].lower() == "data:" else ("data:;base64", ",", given)
    declared = head[5:].strip()
    is_base64 = declared.lower().endswith(";base64") or declared.lower() == "base64"
    if not comma:
        raise ValueError("it is not a complete data URL")
    if len(body) > fetch.MAX_BYTES * 4 // 3 + 4 and is_base64:
        raise ValueError(f"it has more than {fetch.MAX_BYTES // 1_000_000} MB")
    data = _decoded(body) if is_base64 else unquote_to_bytes(body)
    if len(data) > fetch.MAX_BYTES:
        raise ValueError(f"it has more than {fetch.MAX_BYTES // 1_000_000} MB")
    return Document(data, declared[: -len(";base64")] if is_base64 else declared, name)


def with_key(wanted: Wanted) -> Wanted:
    """One that holds its file, with its digest as its key; or with the problem that it has none."""
    if wanted.key != HELD:
        return wanted
    try:
        return replace(wanted, key=wanted.document().digest)
    except ValueError as exc:
        return replace(wanted, key=None, problem=str(exc))


def _decoded(body: str) -> bytes:
    if "%" in body:
        body = unquote_to_bytes(body).decode("ascii", "replace")
    body = body.translate(_URL_SAFE)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError("its data is not base64") from exc
