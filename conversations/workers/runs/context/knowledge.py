"""Searches the knowledge bases that a turn names."""

from collections.abc import Sequence
from functools import partial

from django.db import connection

from conversations import errors
from conversations.queries.knowledge import meanings, search
from conversations.queries.knowledge.search import Hit
from conversations.values.context.sources import KNOWLEDGE, NO_MATCH, Gathered, Passage, Source, SourceKind
from conversations.workers.runs.context import question
from conversations.workers.runs.context.turn import DRY_RUN, Turn

NAME = KNOWLEDGE
WORDS_ONLY = "words_only"
PASSAGES = 12
PER_DOCUMENT = 3


def gather(turn: Turn) -> Gathered:
    """Raises InvalidRequest that names a base which the account does not have."""
    bases = turn.asked.knowledge
    asked = question.for_knowledge(turn.inputs.messages, before=turn.history.messages) if bases else ""
    if not asked:
        return Gathered()
    try:
        found = search.search(
            account_id=turn.run.account_id,
            bases=bases,
            query=asked,
            limit=PASSAGES,
            per_document=PER_DOCUMENT,
            may_ask=partial(_refusal_of_vector, turn) if turn.beside.pays else None,
        )
    except errors.NotFound as exc:
        # A single one is not named there: whoever searches it has its id in the URL.
        which = f": {bases[0]}" if len(bases) == 1 else ""
        raise errors.InvalidRequest(f"{NAME}: {exc.message}{which}", param=NAME) from exc
    finally:
        # None is held while the model answers.
        connection.close()
    for vector in found.used:
        turn.beside.add(vector.used)
    if not found.hits:
        return Gathered(notes={NAME: NO_MATCH})
    return Gathered(sources(found.hits), {NAME: WORDS_ONLY} if meanings.NOTE in found.notes else {})


def _refusal_of_vector(turn: Turn, embedding: str, asked: str) -> str:
    """`MayAsk`. What the turn would pay for is reserved in a dry run too, but nobody is asked."""
    return turn.beside.refusal_of_vector(embedding, asked) or (DRY_RUN if turn.run.is_dry else "")


def sources(hits: Sequence[Hit]) -> tuple[Source, ...]:
    """One for each document, that with the best passage first; its passages in the order of its text."""
    by_document: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        by_document.setdefault((hit.base, hit.document), []).append(hit)
    return tuple(
        Source(
            SourceKind.KNOWLEDGE,
            id=document,
            title=found[0].name,
            url=found[0].url,
            base=base,
            passages=tuple(
                Passage(hit.text, hit.start, hit.end, hit.page, hit.score)
                for hit in sorted(found, key=lambda hit: hit.start)
            ),
        )
        for (base, document), found in by_document.items()
    )
