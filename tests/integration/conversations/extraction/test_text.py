"""Texts of all kinds."""

import pytest

from conversations import extraction


@pytest.mark.parametrize(
    ("data", "media_type", "name", "text", "found"),
    [
        (
            "# 标题\r\n\r\n今天天气很好，我们去公园。".encode("gbk"),
            "",
            "a.md",
            "# 标题\n\n今天天气很好，我们去公园。",
            "text/markdown",
        ),
        ("a,b\n1,é\n".encode("cp1252"), "text/csv", "", "a,b\n1,é\n", "text/csv"),
        ("plain words".encode("utf-16"), "text/plain", "", "plain words", "text/plain"),
        ("<?xml version='1.0' encoding='gbk'?><a>模</a>".encode("gbk"), "", "", None, "application/xml"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><text>x</text></svg>", "image/svg+xml", "", None, "image/svg+xml"),
        (b"def f():\n\treturn '\x00'\n", "", "a.py", "def f():\n\treturn '\ufffd'\n", "text/plain"),
    ],
)
def test_reads_a_text_as_it_is(data: bytes, media_type: str, name: str, text: str | None, found: str) -> None:
    extracted = extraction.extract(data, media_type=media_type, name=name)

    assert extracted.text == (data.decode("gbk") if text is None else text)
    assert extracted.media_type == found


def test_json_is_read_with_its_characters_and_without_halves_of_them() -> None:
    data = b'{"a": "\\u4e2d\\u6587 \\ud83d\\ude00 \\ud800 \\u0000 \\u0022 \\\\u4e2d"}'

    found = extraction.extract(data, media_type="application/json", name="")

    assert found.text == '{"a": "中文 😀 \ufffd \\u0000 \\u0022 \\\\u4e2d"}'


def test_reads_a_table_of_half_a_million_columns() -> None:
    data = ",".join(map(str, range(500_000))).encode()

    assert extraction.extract(data, media_type="text/csv", name="").text == data.decode()


def test_a_picture_is_recognised_and_not_read() -> None:
    found = extraction.extract(b"\x89PNG\r\n\x1a\n" + bytes(100), media_type="text/plain", name="a.txt")

    assert found == extraction.Extracted(text="", media_type="image/png")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b" \n\t", "empty"), (bytes(20_000_000), "unsupported"), (b"a b " * 1_250_000, "too_long")],
)
def test_says_why_a_text_is_none(data: bytes, reason: str) -> None:
    with pytest.raises(extraction.Unreadable) as refused:
        extraction.extract(data, media_type="text/plain", name="")

    assert refused.value.reason == reason
