"""The likeliest charset of bytes that are not UTF-8 and that nobody has declared rightly.

charset-normalizer is good at long texts. On eight Chinese characters, or a French sentence with five accents, it is
wrong more often than right, so the charsets that most pages are in are compared first, by what a text in each would
consist of: the sum of the logarithms of its characters' probabilities.
"""

import math
import re
from collections import Counter

import charset_normalizer

from conversations.extraction.charsets.languages import LANGUAGES, Language

# Enough to be sure of any; the rest of a long text costs time.
_SAMPLE_BYTES = 16_384
# A passage with bytes that are not ASCII, with the letters beside them and the second byte of its last character.
_NOT_ASCII = re.compile(rb"[A-Za-z]?[\x80-\xff](?:[\x00-\x7f]{0,8}[\x80-\xff]){0,2000}[\x00-\x7f]{0,2}")
_RARE = math.log(1e-6)
_BROKEN = math.log(1e-9)
_ASCII = re.compile("[\x00-\x7f]+")
_RUN = re.compile("([A-Za-z]?)([^\x00-\x7f]+)([A-Za-z]?)")
_REPLACEMENT = 0xFFFD
_GOOD_FOR_EACH_BROKEN = 20
# What a single-byte charset has to reach, in the mean of its characters, to be taken without asking any further.
_CONVINCING = math.log(1e-4)

_TABLES = tuple((language, language.logarithms()) for language in LANGUAGES)


def encoding(data: bytes, *, declared: str = "") -> str:
    """A codec's name. `declared` is one that does not decode all of `data`, or empty."""
    sample = _sample(data)
    for name in (declared, "utf-8"):
        if name and _is_nearly(sample, name):
            return name
    scores = {
        language.encoding: _score(sample.decode(language.encoding, "replace"), language, table)
        for language, table in _TABLES
    }
    best = max(scores, key=lambda name: scores[name])
    if scores[best] > _CONVINCING * len(sample):
        return best
    found = charset_normalizer.from_bytes(sample).best()
    return found.encoding if found else best


def _sample(data: bytes) -> bytes:
    """The first passages that are not ASCII."""
    found = bytearray()
    for passage in _NOT_ASCII.finditer(data):
        found += passage[0] + b"\n"
        if len(found) >= _SAMPLE_BYTES:
            break
    return bytes(found[:_SAMPLE_BYTES])


def _is_nearly(sample: bytes, name: str) -> bool:
    """Whether all but a few characters decode: a page in one charset with an advertisement in another."""
    text = sample.decode(name, "replace")
    return text.count("\ufffd") * _GOOD_FOR_EACH_BROKEN < sum(not character.isascii() for character in text)


def _score(text: str, language: Language, table: dict[int, float]) -> float:
    characters = sum(
        count * (_BROKEN if code == _REPLACEMENT else table.get(code, _RARE))
        for code, count in Counter(map(ord, _ASCII.sub("", text))).items()
    )
    runs = inside = letters = 0
    for run in _RUN.finditer(text):
        runs += 1
        inside += len(run[2]) - 1
        letters += bool(run[1]) + bool(run[3])
    beside = language.beside_letter
    edges = letters * math.log(beside) + (2 * runs - letters) * math.log(1 - beside)
    return math.log(language.prior) + characters + edges + inside * math.log(language.followed)
