"""What a step keeps of the sources that its model was shown."""

from dataclasses import replace

import pytest

from conversations.values.context import step_records
from conversations.values.context.sources import Gathered, Passage, SourceKind
from tests.builders.texts.sources import ALL, MANUAL, NEWS, PARIS

FOUND = Gathered(
    sources=(replace(NEWS, id="left", passages=(Passage("", 5, 9, None, 0.5),)),),
    notes={"knowledge": "words_only"},
    has_searched=True,
    shown=ALL,
    left_out_more=3,
)


@pytest.mark.parametrize(
    ("is_stored", "worded"), [(True, {SourceKind.SEARCH}), (False, {SourceKind.SEARCH, SourceKind.REFERENCE})]
)
def test_has_the_words_of_those_alone_that_nothing_else_keeps(is_stored: bool, worded: set[SourceKind]) -> None:
    kept = step_records.load(step_records.dump(FOUND, is_stored=is_stored))

    assert replace(kept.gathered, shown=None) == replace(FOUND, shown=None)
    assert kept.digests == tuple("" if one.kind in worded else step_records.digest(one) for one in ALL)
    shown = kept.gathered.shown or ()
    assert [source.kind in worded for source in ALL] == [
        source == whole for source, whole in zip(shown, ALL, strict=True)
    ]
    assert [[(p.start, p.end, p.page, p.score) for p in one.passages] for one in shown] == [
        [(p.start, p.end, p.page, p.score) for p in one.passages] for one in ALL
    ]


def test_a_digest_is_of_all_words_in_their_order() -> None:
    one, two = MANUAL.passages

    assert step_records.digest(MANUAL) != step_records.digest(replace(MANUAL, passages=(two, one)))
    assert step_records.digest(MANUAL) != step_records.digest(replace(MANUAL, passages=(one,)))


def test_what_no_column_takes_is_replaced() -> None:
    odd = replace(PARIS, title="a\0b", passages=(Passage("x\0\ud800y", 0, 4),))

    (shown,) = step_records.load(step_records.dump(Gathered(shown=(odd,)), is_stored=False)).gathered.shown or ()

    assert (shown.title, shown.passages[0].text) == ("a\ufffdb", "x\ufffd\ufffdy")
