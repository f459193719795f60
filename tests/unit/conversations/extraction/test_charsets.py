"""Bytes become the text that was meant."""

import codecs
import random

import pytest

from conversations.extraction.charsets.decode import decode
from conversations.extraction.errors import Unreadable

CHINESE = "今天天气很好，我们去公园。"
TRADITIONAL = "今天天氣很好，我們去公園。"
JAPANESE = "今日は天気がいいです。"
KOREAN = "오늘은 날씨가 좋습니다."
RUSSIAN = "Сегодня хорошая погода."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gbk"),
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (KOREAN, "euc_kr"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        ("Καλημέρα σε όλους", "cp1253"),
        ("Le café était déjà fermé", "cp1252"),
        ("Die Straße ist groß – “schön”", "cp1252"),
        ("¿Qué más quería el niño?", "cp1252"),
        ("Zażółć gęślą jaźń, to są części", "cp1250"),
        ("Hello there", "utf-16-le"),
        ("Hello there", "utf-16-be"),
        (CHINESE, "utf-8"),
    ],
)
def test_finds_the_charset_of_a_short_text_that_nobody_declared(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_believes_a_byte_order_mark_before_anybody_else(mark: bytes, encoding: str) -> None:
    assert decode(mark + CHINESE.encode(encoding), declared="gbk") == CHINESE


@pytest.mark.parametrize(
    "declared", ["iso-8859-1", "utf-8", "us-ascii", "windows-1252", "big5", "no-such-charset", "zlib", "\0"]
)
def test_reads_chinese_that_was_declared_wrongly(declared: str) -> None:
    assert decode(CHINESE.encode("gbk"), declared=declared) == CHINESE


@pytest.mark.parametrize("declared", ["gb2312", "GBK", "iso-8859-1", "shift_jis"])
def test_reads_utf8_that_was_declared_wrongly(declared: str) -> None:
    assert decode(CHINESE.encode(), declared=declared) == CHINESE


def test_believes_what_is_declared_of_two_characters_that_could_be_utf8() -> None:
    both = "模目".encode("gbk")

    assert both.decode() == "ģĿ"
    assert decode(both, declared="gbk") == "模目"


@pytest.mark.parametrize(
    "declared", ["unicode_escape", "raw_unicode_escape", "rot13", "zlib", "base64", "idna", "punycode"]
)
def test_a_document_has_no_codec_run_that_is_no_charset(declared: str) -> None:
    assert decode(b"caf\\u0065 eJw=", declared=declared) == "caf\\u0065 eJw="


def test_reads_utf8_whose_last_character_is_cut_off() -> None:
    assert decode("你好".encode()[:-1]) == "你"


def test_reads_a_page_with_one_broken_character_in_its_own_charset() -> None:
    assert decode((CHINESE * 10).encode("gbk") + b"\xff\n" + b"end", declared="gbk") == CHINESE * 10 + "\ufffd\nend"
    assert decode((CHINESE * 10).encode() + b"\xff\n" + b"end") == CHINESE * 10 + "\ufffd\nend"


@pytest.mark.parametrize("data", [bytes(range(256)) * 20, b"\x00" * 1000, random.Random(1).randbytes(5000)])
def test_refuses_what_is_no_text(data: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        decode(data)

    assert refused.value.reason == "unsupported"
