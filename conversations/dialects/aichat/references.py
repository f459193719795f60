"""The `references` of a turn (docs/contract A.7): the kind of each, and the message part that it becomes.

Nothing is fetched here; `outbound.guard` decides later whether a URL may be fetched.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from conversations.errors import InvalidRequest
from conversations.rules.conversations import reference_texts
from conversations.rules.texts import storable
from conversations.values.requests import ReferenceGiven, ReferenceKind
from providers.messages import FilePart, ImagePart, Part, TextPart

REFERENCES_MAX = 64
URL_MAX_CHARS = 8192
NAME_MAX_CHARS = 255
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".svg", ".heic", ".heif")

_WEB_URL = re.compile(r"https?://", re.IGNORECASE)
# "data: and so on" is a sentence; a data URL has no space after the colon.
_DATA_URL = re.compile(r"data:(?!\s)", re.IGNORECASE)
_IMAGE_DATA_URL = re.compile(r"data:image/", re.IGNORECASE)
PARAM = "references"


def parse(given: Any) -> tuple[ReferenceGiven, ...]:
    """Raises InvalidRequest that names the element at fault."""
    if not isinstance(given, list | tuple):
        raise InvalidRequest("references must be a list", param=PARAM)
    if len(given) > REFERENCES_MAX:
        raise InvalidRequest(f"references has more than {REFERENCES_MAX} elements", param=PARAM)
    return tuple(_reference(element, path=f"references[{index}]") for index, element in enumerate(given))


def parts(references: Sequence[ReferenceGiven]) -> list[Part]:
    """Images and files first, in the caller's order, then texts, numbered as the caller numbered them (from 1)."""
    links = [_link(reference) for reference in references if reference.kind is not ReferenceKind.TEXT]
    texts = [
        TextPart(reference_texts.framed(reference.content, number=number))
        for number, reference in enumerate(references, start=1)
        if reference.kind is ReferenceKind.TEXT
    ]
    return [*links, *texts]


def _reference(element: Any, *, path: str) -> ReferenceGiven:
    if isinstance(element, Mapping):
        return _object(element, path=path)
    if not isinstance(element, str):
        raise InvalidRequest(f"{path} must be a string or an object with a url", param=PARAM)
    text = storable(element, param=PARAM, path=path)
    if not text.strip():
        raise InvalidRequest(f"{path} is empty", param=PARAM)
    if _is_url(text.strip()):
        return _url(text.strip(), path=path)
    return ReferenceGiven(ReferenceKind.TEXT, text)


def _object(element: Mapping[str, Any], *, path: str) -> ReferenceGiven:
    """The vendor's frontend sends `{url, name, file_id, sha256, mime, size}`; only `url` and `name` are used."""
    url, name = element.get("url"), element.get("name")
    if not isinstance(url, str) or not _is_url(url.strip()):
        raise InvalidRequest(f"{path}.url must be an http, https or data URL", param=PARAM)
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(f"{path}.name must be a string", param=PARAM)
    if len(name or "") > NAME_MAX_CHARS:
        raise InvalidRequest(f"{path}.name is longer than {NAME_MAX_CHARS} characters", param=PARAM)
    storable(url, param=PARAM, path=f"{path}.url")
    return _url(url.strip(), path=f"{path}.url", name=storable(name or "", param=PARAM, path=f"{path}.name"))


def _is_url(text: str) -> bool:
    return bool(_WEB_URL.match(text) or _DATA_URL.match(text))


def _url(url: str, *, path: str, name: str = "") -> ReferenceGiven:
    is_image = _is_image_data(url, path=path) if _DATA_URL.match(url) else _is_image_link(url, path=path)
    return ReferenceGiven(ReferenceKind.IMAGE if is_image else ReferenceKind.FILE, url, name)


def _is_image_data(url: str, *, path: str) -> bool:
    """A data URL is the document itself, so its length has no bound but that of the body."""
    if "," not in url:
        raise InvalidRequest(f"{path} is not a complete data URL", param=PARAM)
    return bool(_IMAGE_DATA_URL.match(url))


def _is_image_link(url: str, *, path: str) -> bool:
    """Judged by the suffix of the path: `?name=a.png` is no image, `a.png?size=2` is one."""
    if len(url) > URL_MAX_CHARS:
        raise InvalidRequest(f"{path} is longer than {URL_MAX_CHARS} characters", param=PARAM)
    try:
        split = urlsplit(url)
    except ValueError as exc:
        raise InvalidRequest(f"{path} is not a valid URL", param=PARAM) from exc
    if not split.hostname:
        raise InvalidRequest(f"{path} is not a valid URL", param=PARAM)
    return split.path.lower().endswith(IMAGE_SUFFIXES)


def _link(reference: ReferenceGiven) -> Part:
    url = reference.content
    if reference.kind is ReferenceKind.IMAGE:
        return ImagePart(url)
    if _DATA_URL.match(url):
        return FilePart(data=url, filename=reference.name or None)
    return FilePart(url=url, filename=reference.name or None)
