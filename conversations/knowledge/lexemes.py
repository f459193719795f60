"""The words of a passage as the one index over all passages has them: each behind the key of its own passage index."""

from collections.abc import Iterable, Mapping, Sequence

OFTEN = 3


def prefix(index_id: int) -> str:
    return f"{index_id:x}:"


def often(word: str) -> str:
    """The mark of a passage that has the word three times or more. No word ends like it."""
    return f"{word}!"


def of(index_id: int, found: Mapping[str, int]) -> list[str]:
    """`found`: how often each word stands in the passage."""
    before = prefix(index_id)
    return [
        *(before + word for word in found),
        *(before + often(word) for word, number in found.items() if number >= OFTEN),
    ]


def as_vector(found: Iterable[str]) -> str:
    """The text form of a tsvector."""
    return " ".join(_quoted(lexeme) for lexeme in found)


def any_of(index_ids: Sequence[int], words: Iterable[str]) -> str:
    """A tsquery for passages of these indexes with at least one of the words. There must be a word."""
    return " | ".join(_one(index_ids, word) for word in words)


def all_of(index_ids: Sequence[int], words: Iterable[str]) -> str:
    """A tsquery for passages with every word."""
    return " & ".join(f"({_one(index_ids, word)})" for word in words)


def _one(index_ids: Sequence[int], word: str) -> str:
    return " | ".join(_quoted(prefix(index_id) + word) for index_id in index_ids)


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
