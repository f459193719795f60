"""Good documents with a few wrong bytes: read, or refused for a reason, and never more."""

import random
import zlib
from collections.abc import Callable

import pytest

from conversations import extraction
from tests.fakes import documents

ARTICLE = (
    "<html><head><meta charset=gb2312><title>T</title></head><body><nav><a href=/>x</a></nav><article><h1>H</h1><p>"
    f"{'words and more words. ' * 30}</p><table><tr><td>1</table><pre>a\n b</pre><ul><li>one</ul><script>x</script>"
)
PAGE = zlib.compress(documents.show("Hello there") * 20)
GOOD = {
    "html": ARTICLE.encode(),
    "gbk": "今天天气很好，我们一起去公园散步吧。".encode("gbk") * 10,
    "pdf": documents.pdf(documents.show("First page"), documents.show("Second page")),
    "deflated": documents.pdf(PAGE, entries="/Filter/FlateDecode"),
    "chinese": documents.pdf(documents.show("今天天气", encoding="utf-16-be"), font=documents.SONG),
    "encrypted": documents.encrypted(documents.pdf(documents.show("Hello")), password=""),
    "docx": documents.docx(documents.paragraph("words")),
}
EACH = 25


def wrong_bytes(data: bytearray, chosen: random.Random) -> None:
    at = chosen.randrange(len(data))
    data[at : at + chosen.randrange(1, 20)] = chosen.randbytes(chosen.randrange(20))


def wrong_number(data: bytearray, chosen: random.Random) -> None:
    if digits := [at for at, byte in enumerate(data) if chr(byte).isdigit()]:
        at = chosen.choice(digits)
        data[at : at + 1] = chosen.choice((b"-1", b"0", b"999999999", b"4294967296"))


def repeated(data: bytearray, chosen: random.Random) -> None:
    at = chosen.randrange(len(data))
    data[at:at] = data[at : at + 40] * chosen.choice((1, 50))


def moved(data: bytearray, chosen: random.Random) -> None:
    to, since = chosen.randrange(len(data)), chosen.randrange(len(data))
    data[to : to + 20] = data[since : since + 20]


WRONGS: tuple[Callable[[bytearray, random.Random], None], ...] = (wrong_bytes, wrong_number, repeated, moved)


@pytest.mark.parametrize("kind", GOOD)
def test_reads_or_refuses_whatever_comes(kind: str) -> None:
    reasons = set()
    for seed in range(EACH):
        chosen = random.Random(f"{kind} {seed}")
        data = bytearray(GOOD[kind])
        for _ in range(chosen.choice((1, 2, 8))):
            chosen.choice(WRONGS)(data, chosen)
        try:
            found = extraction.extract(bytes(data), media_type="", name="")
        except extraction.Unreadable as refused:
            reasons.add(refused.reason)
        else:
            assert "\0" not in found.text
            assert found.text.encode()

    # None of them killed the process that read it, or used it up.
    assert reasons <= {"damaged", "no_text", "encrypted", "unsupported"}
