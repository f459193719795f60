from typing import Any

import pytest

from conversations.dialects.aichat import references
from conversations.errors import InvalidRequest
from conversations.values.requests import ReferenceGiven, ReferenceKind
from providers.messages import FilePart, ImagePart, TextPart


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        ("https://x.test/a.png", ReferenceKind.IMAGE),
        ("http://x.test/a.JPEG", ReferenceKind.IMAGE),
        ("HTTPS://X.test/a.heif", ReferenceKind.IMAGE),
        ("https://x.test/a.webp?width=2#top", ReferenceKind.IMAGE),
        ("https://x.test/a?name=b.png", ReferenceKind.FILE),
        ("https://x.test/a.png/", ReferenceKind.FILE),
        ("https://x.test/png", ReferenceKind.FILE),
        ("https://x.test/notes.txt", ReferenceKind.FILE),
        ("https://x.png", ReferenceKind.FILE),
        ("https://x.test", ReferenceKind.FILE),
        ("data:image/png;base64,AAAA", ReferenceKind.IMAGE),
        ("DATA:IMAGE/PNG;base64,AAAA", ReferenceKind.IMAGE),
        ("data:application/pdf;base64,AAAA", ReferenceKind.FILE),
        ("data:,hello", ReferenceKind.FILE),
        ("data: 3, 4 and 5", ReferenceKind.TEXT),
        ("ftp://x.test/a.png", ReferenceKind.TEXT),
        ("see https://x.test/a.png", ReferenceKind.TEXT),
        ("a.png", ReferenceKind.TEXT),
        ("你好", ReferenceKind.TEXT),
    ],
)
def test_tells_images_files_and_texts_apart(element: str, kind: ReferenceKind) -> None:
    assert references.parse([element]) == (ReferenceGiven(kind, element),)


@pytest.mark.parametrize("suffix", references.IMAGE_SUFFIXES)
def test_every_documented_suffix_is_an_image(suffix: str) -> None:
    assert references.parse([f"https://x.test/a{suffix}"])[0].kind is ReferenceKind.IMAGE


def test_a_url_is_trimmed_and_a_text_is_not() -> None:
    given = references.parse([" https://x.test/a.png\n", " a text\n"])

    assert [reference.content for reference in given] == ["https://x.test/a.png", " a text\n"]


def test_of_an_object_url_and_name_count() -> None:
    element = {"url": "https://x.test/b", "name": "b.pdf", "file_id": "f1", "sha256": "00", "mime": "x", "size": 3}

    given = references.parse([element])

    assert given == (ReferenceGiven(ReferenceKind.FILE, "https://x.test/b", "b.pdf"),)
    assert references.parts(given) == [FilePart(url="https://x.test/b", filename="b.pdf")]


def test_an_inline_file_is_data_and_not_a_url() -> None:
    given = references.parse([{"url": "data:text/plain,hi", "name": "hi.txt"}])

    assert references.parts(given) == [FilePart(data="data:text/plain,hi", filename="hi.txt")]


def test_links_come_before_texts_and_numbers_stay_the_callers() -> None:
    given = references.parse(["one", "https://x.test/2.gif", "three"])

    first, second, third = references.parts(given)

    assert first == ImagePart("https://x.test/2.gif")
    assert isinstance(second, TextPart)
    assert "Reference 1" in second.text
    assert isinstance(third, TextPart)
    assert "Reference 3" in third.text


@pytest.mark.parametrize(
    "element",
    [
        "",
        "  ",
        3,
        None,
        ["https://x.test/a.png"],
        {},
        {"url": None},
        {"url": 3},
        {"url": "no url"},
        {"url": ""},
        {"file_id": "f1"},
        {"url": "https://x.test/a", "name": 3},
        {"url": "https://x.test/a", "name": "n" * 256},
        {"url": "https://x.test/a", "name": "n\x00"},
        {"url": "https://x.test/a\x00.png"},
        "text\x00",
        "text\ud83d",
        "https://x.test/\ud83d",
        "http://",
        "https:///a.png",
        "http://[::1",
        "data:image/png;base64",
        "https://x.test/" + "a" * 8192,
    ],
)
def test_refuses_anything_else_naming_the_element(element: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        references.parse(["fine", element])

    assert caught.value.param == "references"
    assert caught.value.message.startswith("references[1]")
    assert len(caught.value.message) < 120


def test_refuses_more_than_it_can_carry() -> None:
    assert len(references.parse(["text"] * 64)) == 64
    with pytest.raises(InvalidRequest, match="more than 64"):
        references.parse(["text"] * 65)


@pytest.mark.parametrize("given", ["https://x.test/a.png", {"url": "https://x.test/a.png"}, 3])
def test_refuses_what_is_not_a_list(given: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^references must be a list$"):
        references.parse(given)


def test_a_data_url_is_bounded_by_the_body_alone() -> None:
    url = "data:image/png;base64," + "A" * 100_000

    assert references.parts(references.parse([url])) == [ImagePart(url)]
