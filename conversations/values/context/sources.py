"""What a model is shown beside the conversation: the sources of a turn, and which of them its answer cites."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from conversations.values.assistants import Fallback, FallbackHandler, IntentMatch
from providers.messages import Part

CUSTOM = Fallback()
# Notes of a turn: whether its knowledge bases hold nothing that fits, and then what happens instead, by its handler.
KNOWLEDGE, NO_MATCH = "knowledge", "no_match"
FALLBACK = "fallback"

SearchSize = Literal["low", "medium", "high"]

# A whole document is hundreds of passages.
SHOWN_PASSAGES_MAX = 8


@dataclass(frozen=True, slots=True)
class ContextAsked:
    """What a turn asks for besides its messages: to be looked up before its model is asked, and to be called by it.

    `knowledge`: public ids of the account's knowledge bases. `search`: whether the web is searched. `search_size` says
    how much of it is read, `search_country` where its reader is: a code of ISO 3166-1 in capitals, "" for anywhere.
    `tools`: public ids of the account's tools and MCP servers. `fallback`: what happens when `knowledge` holds nothing
    that fits. `intents`: public ids of those that the question may satisfy.
    """

    knowledge: tuple[str, ...] = ()
    search: bool = False
    search_size: SearchSize = "medium"
    search_country: str = ""
    tools: tuple[str, ...] = ()
    fallback: Fallback = CUSTOM
    intents: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.knowledge or self.search or self.tools or self.intents)

    @property
    def may_search(self) -> bool:
        """Also where only a lack of knowledge leads to it."""
        falls_back = bool(self.knowledge) and self.fallback.handler is FallbackHandler.WEB_SEARCH
        return self.search or falls_back


class SourceKind(StrEnum):
    REFERENCE = "reference"
    KNOWLEDGE = "knowledge"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document's text: its characters from `start` up to `end`, on `page` where the document has pages.

    `text` is exactly those characters, or "" once the run has ended: then only the span is kept.
    `score` says how well it fits the question, 0 where it was not ranked. Scores are comparable within one source kind.
    `tokens` is what the text is estimated to have, 0 where nobody has counted.
    """

    text: str
    start: int
    end: int
    page: int | None = None
    score: float = 0.0
    tokens: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Words of a document that a reader is shown: its characters from `start` up to `end`.

    `text` is "" where the words are not here. They are then looked up by the span, and are the same words only if they
    have this `digest` (`source_records.digest`).
    """

    text: str
    start: int
    end: int
    page: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One document and those of its passages that a model may see, in the order of the document.

    `id` names what Parley keeps of it: the public id of a document of a knowledge base, or the SHA-256 of a text that
    was fetched, in hex. `url` is "" for what has no address, `base` the public id of the knowledge base, else "".
    `excerpt` is made when the run ends, of the best passage; until then it is None. `snippet` is a search engine's own,
    as HTML with no tag but `<b>`.
    """

    kind: SourceKind
    id: str
    title: str
    url: str = ""
    base: str = ""
    passages: tuple[Passage, ...] = ()
    excerpt: Excerpt | None = None
    snippet: str = ""

    @property
    def score(self) -> float:
        return max((passage.score for passage in self.passages), default=0.0)

    @property
    def best_passages(self) -> tuple[Passage, ...]:
        """Those that readers are told of, at most SHOWN_PASSAGES_MAX, in the order of the document."""
        best = sorted(self.passages, key=lambda passage: -passage.score)[:SHOWN_PASSAGES_MAX]
        return tuple(sorted(best, key=lambda passage: passage.start))


@dataclass(frozen=True, slots=True)
class Quote:
    """The words of a source that a citation rests on.

    `similarity` is from 0 to 100: how closely the answer's sentence follows them.
    """

    excerpt: Excerpt
    similarity: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark such as `[1]` in an answer, at its characters `start` to `end`. `number` counts the sources from 1.

    A mark of several numbers is as many citations, with the same characters.
    `is_known` is false where the answer has fewer sources. `quote` is None where no words of the source agree.
    """

    number: int
    start: int
    end: int
    is_known: bool = True
    quote: Quote | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, image or sound of the conversation that not every target of the model takes as it is.

    For the others `source` is the id of the source that it was read as, or `image` its data URL; where it has neither,
    `problem` says why. `is_unreachable`: its link leads to an address that no vendor can reach.
    """

    part: Part
    name: str
    source: str = ""
    image: str = ""
    problem: str = ""
    is_unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found for a turn, before it is fitted to a model's window.

    `sources`: with every passage that may be shown. `attachments` are by the identity of their parts. `notes`: why a
    step brought nothing, by the step's name (`{"search": "off"}`); the run keeps them. `has_searched`: the search of
    the web was ours to make, whatever it brought, so the vendor is not asked for one.

    `shown`: what the model was shown when this run first asked it, in the order of its numbers: each keeps its number
    in all further questions of the run. None before that. `left_out_more`: passages that were found and not shown, and
    are not among the sources any more. `answer`: the whole answer, where no model is to be asked (`Fallback`).
    """

    sources: tuple[Source, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    has_searched: bool = False
    shown: tuple[Source, ...] | None = None
    left_out_more: int = 0
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Sourced:
    """What an answer says of its sources, and which intents its question satisfied.

    False where its turn asked for none, or none were found and nothing is noted. `sources` in the order of their
    numbers: what the model was shown. `citations`: the marks of choice 0, in order. `notes`: as in `Gathered`.
    `intents`: each that the turn asked for, in its order.
    """

    sources: tuple[Source, ...] = ()
    citations: tuple[Citation, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    intents: tuple[IntentMatch, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sources or self.notes or self.intents)

    @property
    def lacks_knowledge(self) -> bool:
        return self.notes.get(KNOWLEDGE) == NO_MATCH


NOT_SOURCED = Sourced()
