"""The words of a source that a sentence of the answer rests on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from conversations.knowledge.citing import marks, sentences
from conversations.values.context.sources import Excerpt, Passage, Quote, Source

# How alike the words of both sentences must be (`fuzz.token_set_ratio`). Sentences of the XQuAD paragraphs in English
# and Chinese, a third of whose words were changed or moved, have 83 and more with their own, and 59 and less with those
# of other paragraphs in 99 of 100 cases.
SIMILARITY_MIN = 65.0
LITERAL = 100.0
# Of a source, in its best passages: a comparison takes about ten microseconds.
SENTENCES_MAX = 400
CLAIM_MAX_CHARS = 600
# "According to [1], …" says nothing before its mark.
CLAIM_MIN_BYTES = 16
LITERALS_MAX = 3
_QUOTED = re.compile(
    r'"([^"\n]{3,300})"|“([^”\n]{3,300})”|„([^“”\n]{3,300})[“”]|«([^»\n]{3,300})»|「([^」\n]{3,300})」|『([^』\n]{3,300})』'
)
_LITERAL_MIN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """What the answer says before a mark: a sentence, and the words that stand in quotation marks in it."""

    words: str
    literals: tuple[str, ...]


def claim(answer: str, *, start: int, end: int) -> Claim:
    """Of the mark at these characters of the answer. The sentence around it, if there is hardly anything before it."""
    head = marks.without(answer[max(0, start - CLAIM_MAX_CHARS) : start]).rstrip()
    said, begin = _last_sentence(head)
    if len(said.encode()) < CLAIM_MIN_BYTES:
        said += " " + _first_sentence(marks.without(answer[end : end + CLAIM_MAX_CHARS]))
    literals = [match[match.lastindex or 0] for match in _QUOTED.finditer(head) if match.end() > begin]
    long_enough = [literal for literal in literals if len(literal.encode()) >= _LITERAL_MIN_BYTES]
    return Claim(sentences.words(said), tuple(long_enough[-LITERALS_MAX:]))


class Quotable:
    """The passages of one source, made ready to be compared with many claims."""

    def __init__(self, source: Source) -> None:
        self._sentences = list(_sentences(sorted(source.passages, key=lambda passage: -passage.score)))
        self._passages = list(dict.fromkeys(passage for passage, _, _ in self._sentences))
        self._words = [sentences.words(passage.text[start:end]) for passage, start, end in self._sentences]

    def quote(self, said: Claim) -> Quote | None:
        """None where no words of the passages agree. What the answer quotes literally is looked for first."""
        for literal in said.literals:
            if found := self._literal(literal):
                return Quote(found, LITERAL)
        best = process.extractOne(said.words, self._words, scorer=fuzz.token_set_ratio, score_cutoff=SIMILARITY_MIN)
        if best is None:
            return None
        passage, start, end = self._sentences[best[2]]
        return Quote(excerpt(passage, start, end), round(best[1], 1))

    def _literal(self, words: str) -> Excerpt | None:
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())), re.IGNORECASE)
        for passage in self._passages:
            if match := pattern.search(passage.text):
                return excerpt(passage, match.start(), match.end())
        return None


def excerpt(passage: Passage, start: int, end: int) -> Excerpt:
    """The characters `start` to `end` of the passage's text, by their place in the document."""
    end = min(end, start + sentences.SENTENCE_MAX_CHARS)
    return Excerpt(passage.text[start:end], passage.start + start, passage.start + end, passage.page)


def _sentences(passages: Sequence[Passage]) -> Iterator[tuple[Passage, int, int]]:
    left = SENTENCES_MAX
    for passage in passages:
        for start, end in sentences.spans(passage.text):
            if len(passage.text[start:end].encode(errors="replace")) < sentences.SENTENCE_MIN_BYTES:
                continue
            yield passage, start, end
            left -= 1
            if not left:
                return


def _last_sentence(text: str) -> tuple[str, int]:
    """And where it begins."""
    begin, end = 0, 0
    for begin, end in sentences.spans(text):  # noqa: B007 — the last one counts
        pass
    return text[begin:end], begin


def _first_sentence(text: str) -> str:
    begin, end = next(sentences.spans(text), (0, 0))
    return text[begin:end]
