"""What a row keeps of a prompt is read back as it was written, and has no words."""

import orjson

from conversations.receipts import kept
from conversations.values.context.receipts import FileShown, KeptContext, ShownFile
from conversations.values.context.sources import Passage, Source, SourceKind

LEAST = KeptContext(read=0, dropped=0, window=8192, tokens={})
WHOLE = KeptContext(
    read=12,
    dropped=8,
    window=8192,
    tokens={"history": 10, "sources": 20, "question": 3},
    dropped_before=0,
    answer_limit=99,
    files=(ShownFile(1, "file", "a.txt", FileShown.TEXT, 1), ShownFile(2, "image", "", FileShown.NONE, reason="no")),
    sources=(Source(SourceKind.REFERENCE, "ab", "a.txt", passages=(Passage("", 0, 5, 1, 0.5),)),),
    digests=("0123456789abcdef",),
    left_out=(Source(SourceKind.SEARCH, "cd", "b", "https://b.example", passages=(Passage("", 5, 9),)),),
    left_out_more=3,
    has_searched=True,
    steps=2,
    results_most=0,
    notes={"search": "off"},
)


def test_reads_back_what_it_writes() -> None:
    for one in (LEAST, WHOLE):
        assert kept.load(orjson.loads(orjson.dumps(kept.dump(one)))) == one


def test_writes_nothing_that_is_empty() -> None:
    assert kept.dump(LEAST) == {"read": 0, "dropped": 0, "dropped_before": None, "window": 8192}
