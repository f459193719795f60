"""DOCX, good and bad."""

import pytest

from conversations import extraction
from conversations.extraction.detect import DOCX
from tests.fakes import documents

STYLES = (
    '<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    '<w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 2"/></w:style></w:styles>'
)
CORE = (
    '<cp:coreProperties xmlns:cp="urn:core" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>年度报告</dc:title>'
    "</cp:coreProperties>"
)
TABLE = f"<w:tbl><w:tr><w:tc>{documents.paragraph('a')}</w:tc><w:tc>{documents.paragraph('b')}</w:tc></w:tr></w:tbl>"
MILLION_LAUGHS = (
    '<!DOCTYPE w:document [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
    + "]>"
)
SECRET = '<!DOCTYPE w:document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def reason(document: bytes) -> str:
    with pytest.raises(extraction.Unreadable) as refused:
        extraction.extract(document, media_type=DOCX, name="a.docx")
    return refused.value.reason


def test_keeps_headings_tables_and_the_title() -> None:
    body = documents.paragraph("第一章", style="1") + documents.paragraph("Some &lt;words&gt;") + TABLE
    parts: dict[str, str | bytes] = {
        "word/styles.xml": STYLES,
        "docProps/core.xml": CORE,
        "word/media/image1.png": b"\x89PNG",
    }

    found = extraction.extract(documents.docx(body, more=parts), media_type="", name="")

    assert found.text == "## 第一章\n\nSome <words>\n\n| a | b"
    assert (found.title, found.media_type, found.page_starts) == ("年度报告", DOCX, ())


@pytest.mark.parametrize("before", [SECRET, MILLION_LAUGHS, '<!DOCTYPE w:document SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_refuses_every_document_type(before: str) -> None:
    assert reason(documents.docx(documents.paragraph("x"), before=before)) == "damaged"


def test_refuses_a_document_type_in_any_part_and_encoding() -> None:
    part = f'<?xml version="1.0" encoding="UTF-16"?>{SECRET}<w:document/>'.encode("utf-16")

    assert reason(documents.docx(documents.paragraph("x"), more={"word/footnotes.xml": part})) == "damaged"


def test_a_picture_that_is_elsewhere_is_not_fetched() -> None:
    pictures = "http://schemas.openxmlformats.org/drawingml/2006/picture"
    drawing = (
        '<w:p><w:r><w:t>words</w:t><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/'
        'wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData>'
        f'<pic:pic xmlns:pic="{pictures}"><pic:blipFill><a:blip r:link="r1" xmlns:r="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>'
        "</w:r></w:p>"
    )
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" Target="http://127.0.0.1:9" '
        'TargetMode="External"/></Relationships>'
    )

    found = extraction.extract(
        documents.docx(drawing, more={"word/_rels/document.xml.rels": links}), media_type=DOCX, name=""
    )

    assert found.text == "words"


def test_refuses_a_part_that_unpacks_to_fifty_megabytes() -> None:
    assert reason(documents.docx("x", more={"word/styles.xml": bytes(50_000_000)})) == "too_large"


def test_what_is_no_part_is_never_unpacked() -> None:
    document = documents.docx(documents.paragraph("x"), more={"word/media/a.png": bytes(50_000_000)})

    assert extraction.extract(document, media_type=DOCX, name="").text == "x"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (documents.archive({"word/document.xml": "<a/>"}), "damaged"),
        (documents.archive({"word/other.xml": "<a/>"}), "damaged"),
        (documents.docx("<w:p>"), "damaged"),
        (documents.docx(""), "no_text"),
        (documents.docx(documents.paragraph("x"))[:-40], "damaged"),
        (documents.docx("<w:tbl><w:tr><w:tc>" * 5000 + "</w:tc></w:tr></w:tbl>" * 5000), "damaged"),
        (documents.archive({f"word/{number}.xml": "" for number in range(10_001)}), "too_large"),
        (documents.archive({"xl/workbook.xml": "<a/>"}), "unsupported"),
        (documents.archive({"content.xml": "<a/>"}), "unsupported"),
        (documents.archive({"a.txt": "x"}), "unsupported"),
        (documents.archive({"a.zip": documents.archive({"a.zip": documents.archive({})})}), "unsupported"),
    ],
    ids=["no types", "no document", "open", "empty", "cut", "nested", "many", "xlsx", "odt", "zip", "zip of zips"],
)
def test_says_what_is_wrong_with_an_archive(document: bytes, expected: str) -> None:
    assert reason(document) == expected
