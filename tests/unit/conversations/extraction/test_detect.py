"""What a document is."""

import pytest

from conversations.extraction.detect import Found, detect, image_type
from conversations.extraction.errors import Unreadable

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.mark.parametrize(
    ("data", "media_type", "name", "kind", "found"),
    [
        (b"%PDF-1.7\n", "", "", "pdf", "application/pdf"),
        (b"junk\n%PDF-1.7\n", "text/plain", "a.txt", "pdf", "application/pdf"),
        (b"<!DOCTYPE html><p>a", "", "", "html", "text/html"),
        (b"\xef\xbb\xbf <!-- a --><html>", "application/octet-stream", "", "html", "text/html"),
        ("<html><body>".encode("utf-16"), "", "", "html", "text/html"),
        (b"<p>a</p>", "text/html; charset=gbk", "", "html", "text/html"),
        (b"<p>a</p>", "", "page.HTM", "html", "text/html"),
        (b"<html> is a tag", "text/markdown", "", "text", "text/markdown"),
        (b"<html> is a tag", "", "readme.md", "text", "text/markdown"),
        (b"a,b", "text/csv", "", "text", "text/csv"),
        (b"a,b", "application/octet-stream", "t.csv", "text", "text/csv"),
        (b"{}", "", "a.json", "text", "application/json"),
        (b'<?xml version="1.0"?><a/>', "", "", "text", "application/xml"),
        (b'<?xml version="1.0"?><svg xmlns="s"/>', "image/svg+xml", "", "text", "image/svg+xml"),
        (b"import os", "", "a.py", "text", "text/plain"),
        (b"hello", "image/png", "a.png", "text", "text/plain"),
        (PNG, "text/html", "a.html", "image", "image/png"),
    ],
)
def test_says_what_a_document_is(data: bytes, media_type: str, name: str, kind: str, found: str) -> None:
    detected = detect(data, media_type=media_type, name=name)

    assert (detected.kind, detected.media_type) == (kind, found)


def test_hands_on_the_declared_charset() -> None:
    assert detect(b"a", media_type='Text/HTML; x=1; Charset="GBK"', name="") == Found("html", "text/html", "gbk")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"BM\x00\x00\x00\x00\x00\x00\x00\x00", "image/bmp"),
        (b"BMW builds cars", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_knows_pictures_by_their_bytes(data: bytes, found: str | None) -> None:
    assert image_type(data) == found


@pytest.mark.parametrize(
    "data",
    [
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"{\\rtf1",
        b"\x1f\x8b\x08",
        b"7z\xbc\xaf\x27",
        b"ID3\x04",
        b"\x00\x00\x00\x20ftypmp42",
    ],
)
def test_names_what_it_knows_but_cannot_read(data: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        detect(data, media_type="text/plain", name="a.txt")

    assert refused.value.reason == "unsupported"
    assert refused.value.message.startswith("It is a")


def test_a_head_of_empty_comments_is_seen_through_at_once() -> None:
    # As alternatives that may be divided at will, these would take 2**120 steps.
    assert detect(b"<!---->" * 120 + b"x", media_type="", name="").kind == "text"
