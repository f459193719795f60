"""What of the sources is shown when not all of it fits."""

from conversations.knowledge.showing import fitting
from conversations.knowledge.showing.fitting import BLOCK_TOKENS
from conversations.values.context.sources import Passage, Source, SourceKind

PASSAGE_TOKENS = 100


def source(name: str, *scores: float, kind: SourceKind = SourceKind.REFERENCE) -> Source:
    """A passage of 100 tokens, with all that belongs to it, for each score."""
    own = PASSAGE_TOKENS - fitting.OVERHEAD_TOKENS
    passages = tuple(
        Passage(f"{name}{at}", at * 1000, at * 1000 + 900, score=score, tokens=own) for at, score in enumerate(scores)
    )
    return Source(kind, id=name, title="", passages=passages)


def shown(*sources: Source, tokens: int, shrink: float = 1.0) -> list[list[str]]:
    """The texts that are shown where so many tokens are for passages and heads."""
    room = tokens + BLOCK_TOKENS
    found = fitting.fit(sources, room=room, history_tokens=0, shrink=shrink)
    return [[passage.text for passage in fitted.passages] for fitted in found]


def test_all_is_shown_where_all_fits() -> None:
    assert shown(source("a", 0, 0, 0), source("b", 0), tokens=440) == [["a0", "a1", "a2"], ["b0"]]


def test_one_token_less_leaves_out_what_fits_the_question_worst() -> None:
    assert shown(source("a", 2, 1, 3), tokens=319) == [["a0", "a2"]]


def test_a_small_file_is_shown_whole_before_pieces_of_another() -> None:
    assert shown(source("big", 9, 9, 9, 9), source("small", 0, 0), tokens=444) == [
        ["big0", "big1"],
        ["small0", "small1"],
    ]


def test_two_large_files_share_by_what_fits_best() -> None:
    assert shown(source("a", 1, 9, 1, 1), source("b", 1, 1, 8, 1), tokens=244) == [["a1"], ["b2"]]


def test_equal_passages_are_taken_from_the_beginning() -> None:
    assert shown(source("a", 0, 0, 0, 0), tokens=222) == [["a0", "a1"]]


def test_one_of_which_nothing_fits_is_left_out() -> None:
    assert shown(source("a", 5), source("b", 1), tokens=122) == [["a0"]]


def test_the_head_of_a_source_counts() -> None:
    assert shown(source("a", 5), tokens=PASSAGE_TOKENS + fitting.HEAD_TOKENS - 1) == []
    assert shown(source("a", 5), tokens=PASSAGE_TOKENS + fitting.HEAD_TOKENS) == [["a0"]]


def test_no_kind_takes_the_room_of_another() -> None:
    found = source("kb", 1, 1, 1, 1, kind=SourceKind.KNOWLEDGE)

    assert shown(source("file", 9, 9, 9, 9), found, tokens=464) == [["file0", "file1"], ["kb0", "kb1"]]


def test_what_is_found_is_not_shown_whole_but_by_how_well_it_fits() -> None:
    bad, good = (source(name, score, kind=SourceKind.SEARCH) for name, score in (("bad", 1.0), ("good", 2.0)))

    assert shown(bad, good, tokens=122) == [["good0"]]


def test_shrunk_they_have_that_share_of_what_they_had() -> None:
    assert shown(source("a", 1, 1, 1, 1), tokens=10_000, shrink=0.6) == [["a0", "a1"]]


def test_sources_have_what_the_history_leaves_and_never_less_than_their_share() -> None:
    many = source("a", *[0.0] * 20)

    short = fitting.fit([many], room=1048, history_tokens=100)
    long = fitting.fit([many], room=1048, history_tokens=900)

    assert (len(short[0].passages), len(long[0].passages)) == (8, 5)


def test_nothing_is_shown_where_there_is_no_room() -> None:
    assert fitting.fit([source("a", 1)], room=-5, history_tokens=0) == ()


def test_one_whose_number_the_model_has_seen_keeps_its_place_without_room() -> None:
    sources = source("a", 1), source("b", 5), source("c", 3)

    found = fitting.fit(sources, room=140 + BLOCK_TOKENS, history_tokens=0, numbered=2)

    assert [(one.id, len(one.passages)) for one in found] == [("a", 0), ("b", 1)]
