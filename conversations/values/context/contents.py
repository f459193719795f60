"""What was read for a turn, and the digests that it is known by."""

import hashlib
from dataclasses import dataclass

DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class ReadContent:
    """A document's text, or the bytes of an image (`data`). `size` is in bytes, as it was read.

    `page_starts` are offsets in the text, in characters, empty for what has no pages.
    """

    digest: bytes
    media_type: str
    title: str = ""
    text: str = ""
    page_starts: tuple[int, ...] = ()
    data: bytes | None = None
    size: int = 0

    @property
    def weight(self) -> int:
        """Characters of the text, or bytes of the image."""
        return len(self.text) + len(self.data or b"")


def content_digest(data: bytes, *, media_type: str, name: str) -> bytes:
    """Of bytes with what they were declared as: the same bytes are another text in another charset."""
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    declared = f"{media_type}\0{suffix}\0".encode("utf-8", "replace")
    return hashlib.sha256(declared + hashlib.sha256(data).digest()).digest()


def link_key(url: str) -> bytes:
    """What a conversation knows the content of a link by."""
    return hashlib.sha256(b"url\0" + url.encode("utf-8", "replace")).digest()
