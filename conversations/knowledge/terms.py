"""The words of a text, as they are indexed and as they are asked for.

Letters are folded: upper and lower case, full and half width, and accents are the same, and so are an English singular
and its plural in `s`. A script without spaces between words (Chinese, Japanese, Thai; Korean too, whose endings hang on
its words) becomes pairs of neighbouring characters. An identifier, version or address (`RUN_MAX_ATTEMPTS`, `v1.2.3`) is
a word as a whole, and each of its parts is one too.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

# Longer ones are data (base64, keys), which nobody types. PostgreSQL takes 2,046 bytes.
WORD_MAX_CHARS = 64

# Kana, Chinese characters, Hangul, and the scripts of South East Asia without spaces.
DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W_{DENSE}]"
_DENSE_RUN = re.compile(f"[{DENSE}]+")
_PART = re.compile(f"{_LETTER}+")
# Parts with what joins them. `C++` and `C#` end in their signs.
_WHOLE = re.compile(rf"{_LETTER}+(?:(?:[.@:\-]|_+){_LETTER}+)*(?:\+\+|#)?")
# Only these lose their marks: in other scripts a mark is a vowel, or makes another letter.
_ACCENTED = re.compile("[\u00c0-\u024f\u0300-\u052f\u1e00-\u1fff]")
_MARKS = re.compile("[\u0300-\u036f]+")
_STEM_MIN_CHARS = 4
# The only characters of most Chinese texts that need to be normalized, and of most English ones that are not ASCII.
# Without them that takes no time.
_MARKS_BETWEEN = "，：；！？（）％“”‘’–—…"
_ASCII_LETTERS = string.ascii_lowercase + string.digits
_BLANKS = {code: " " for code in range(128) if chr(code) not in _ASCII_LETTERS}


def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    for mark in _MARKS_BETWEEN:
        text = text.replace(mark, " ")
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    if _ACCENTED.search(text):
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    return text


def counts(text: str) -> Counter[str]:
    """How often each word stands in the text. Their sum is the text's length, as ranking means it."""
    folded = fold(text)
    found = Counter(map(_stem, _parts(folded)))
    found.update(_wholes(folded))
    found.update(_pairs(folded))
    return found


def length(text: str) -> int:
    """The sum of `counts`, in less time: half of it for Chinese."""
    folded = fold(text)
    found = sum(1 for _ in _parts(folded)) + sum(1 for _ in _wholes(folded))
    return found if folded.isascii() else found + sum(len(run) - 1 for run in _DENSE_RUN.findall(folded))


def single_characters(text: str) -> set[str]:
    """Of scripts without spaces: they are indexed besides the pairs, for a question that has only one."""
    return set() if text.isascii() else {character for run in _DENSE_RUN.findall(fold(text)) for character in run}


def asked(question: str) -> Counter[str]:
    """The words of a question: those of a text, and single characters that stand alone."""
    found = counts(question)
    found.update(run for run in _DENSE_RUN.findall(fold(question)) if len(run) == 1)
    return found


class Occurrences:
    """Counts some words in many texts: several times as fast as counting all words of each."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._at = {word: at for at, word in enumerate(wanted)}
        self._forms = [(form, at) for at, word in enumerate(wanted) for form in _forms_of(word)]
        self._wholes = [word for word in wanted if not word.isalnum()]
        self._dense = [(at, word) for word, at in self._at.items() if _DENSE_RUN.fullmatch(word)]

    def of(self, text: str) -> list[int]:
        """How often each wanted word stands in the text, in the order of the words."""
        folded = fold(text)
        found = [0] * len(self._at)
        parts = Counter(_found_parts(folded))
        for form, at in self._forms:
            if form in parts:
                found[at] += parts[form]
        if any(whole in folded for whole in self._wholes):
            for whole in _wholes(folded):
                if whole in self._at:
                    found[self._at[whole]] += 1
        if not folded.isascii():
            for at, word in self._dense:
                found[at] = _overlapping(folded, word)
        return found


def _forms_of(word: str) -> list[str]:
    """All parts of a text that are indexed as this word: itself and its plural."""
    forms = {word, f"{word}s", f"{word[:-1]}ies"}
    return [form for form in forms if len(form) <= WORD_MAX_CHARS and _stem(form) == word]


def _overlapping(text: str, word: str) -> int:
    """`str.count` counts a pair of equal characters once where three stand in a row."""
    if word[0] != word[-1] or len(word) == 1:
        return text.count(word)
    return sum(text.startswith(word, at) for at in range(len(text)) if text[at] == word[0])


def _found_parts(folded: str) -> list[str]:
    return folded.translate(_BLANKS).split() if folded.isascii() else _PART.findall(folded)


def _parts(folded: str) -> Iterator[str]:
    return (part for part in _found_parts(folded) if len(part) <= WORD_MAX_CHARS)


def _wholes(folded: str) -> Iterator[str]:
    """Words of several parts."""
    return (word for word in _WHOLE.findall(folded) if not word.isalnum() and len(word) <= WORD_MAX_CHARS)


def _pairs(folded: str) -> Iterator[str]:
    if not folded.isascii():
        for run in _DENSE_RUN.findall(folded):
            yield from map("".join, pairwise(run))


def _stem(word: str) -> str:
    """An English plural as its singular, by Harman's three rules: other endings are left alone."""
    if len(word) < _STEM_MIN_CHARS or word[-1] != "s" or not word.isascii():
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ss", "us", "aes", "ees", "oes")):
        return word
    return word[:-1]
