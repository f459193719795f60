"""Words behind the key of their index, and queries of them."""

from conversations.knowledge import lexemes


def test_each_index_has_lexemes_of_its_own() -> None:
    assert lexemes.of(26, {"fox": 1, "dog": 3}) == ["1a:fox", "1a:dog", "1a:dog!"]


def test_queries_name_every_index() -> None:
    assert lexemes.any_of([1, 2], ["a", "b"]) == "'1:a' | '2:a' | '1:b' | '2:b'"
    assert lexemes.all_of([1, 2], ["a", "b"]) == "('1:a' | '2:a') & ('1:b' | '2:b')"


def test_quotes_and_backslashes_stay_inside() -> None:
    assert lexemes.any_of([1], ["a' | 'b\\"]) == "'1:a'' | ''b\\\\'"
