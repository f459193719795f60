"""Finds the sources of a turn, once, before any model is asked."""

import time
from collections.abc import Sequence
from dataclasses import replace

from django.db import connection

from conversations.knowledge.showing import attachments
from conversations.queries import sources as source_queries
from conversations.routing.targets import RoutedTarget
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.values.assistants import FallbackHandler
from conversations.values.context import step_records
from conversations.values.context.sources import FALLBACK, KNOWLEDGE, NO_MATCH, ContextAsked, Gathered, Source
from conversations.values.context.step_records import KeptSources
from conversations.workers.runs.context import knowledge, references, search
from conversations.workers.runs.context.turn import Beside, Turn
from conversations.workers.runs.history import History
from conversations.workers.runs.process import RunHandle, WorkerProcess

NOTHING_ASKED = ContextAsked()
# The note of a run that goes on without the words of a source.
NAME, GONE = "sources", "gone"
CUSTOM, FIX = FallbackHandler.CUSTOM, FallbackHandler.FIX
# In which a turn waits for servers, for other turns of its account and for places, over all its steps. A reader of the
# stream is sent keep-alives meanwhile.
SECONDS = 60.0


def gather(
    run: ClaimedRun,
    *,
    inputs: PromptInputs,
    history: History,
    targets: Sequence[RoutedTarget],
    process: WorkerProcess,
    handle: RunHandle,
    before: KeptSources | None = None,
    beside: Beside | None = None,
) -> Gathered | None:
    """None where nothing is to be read or looked up. `targets`: those that may be asked. `before`: what an earlier
    attempt of the run has shown its model; then nothing is looked up again.

    What is used for it is added to `beside`, which a turn that asks for nothing to be looked up has not. Raises
    InvalidRequest that names what cannot be read, BalanceUsedUp and CostLimitReached, ServiceUnavailable where that may
    change soon, and CallAborted when the run is stopped meanwhile.
    """
    has_files = history.has_attachments or attachments.any_in(inputs.messages)
    if not (inputs.context or has_files):
        return None
    asked, ends_at = inputs.context or NOTHING_ASKED, time.monotonic() + SECONDS
    turn = Turn(run, asked, inputs, history, targets, process, handle, beside or Beside(None), ends_at)
    if before is not None:
        return _again(turn, before)
    joined = _joined(_looked_up(turn) if asked.fallback.handler is CUSTOM else _with_fallback(turn))
    # A file that every target takes as it is leaves nothing to do.
    return joined if joined != NOTHING_GATHERED else None


def _looked_up(turn: Turn, known: Gathered | None = None) -> Sequence[Gathered]:
    """In the order in which the model sees what they find; what a search of the web finds comes last.

    They run one after another in the run's own thread, and the search beside them. `known`: what the knowledge bases
    hold, where that is known already.
    """
    with search.begun(turn) as searching:
        files = references.gather(turn)
        found = knowledge.gather(turn) if known is None else known
        return files, found, search.gathered(turn, searching)


def _with_fallback(turn: Turn) -> Sequence[Gathered]:
    """The knowledge bases first: what they lack decides whether anything else is looked up."""
    known, fallback = knowledge.gather(turn), turn.asked.fallback
    if known.notes.get(KNOWLEDGE) != NO_MATCH:
        return _looked_up(turn, known)
    noted = replace(known, notes={**known.notes, FALLBACK: fallback.handler.value})
    if fallback.handler is FIX:
        return (replace(noted, answer=fallback.text),)
    return _looked_up(replace(turn, asked=replace(turn.asked, search=True)), noted)


def _again(turn: Turn, before: KeptSources) -> Gathered:
    """The same sources under the same numbers. One whose words are gone, or are others by now, has none."""
    files, kept = references.gather_again(turn), before.gathered
    missing = [source for source, digest in zip(kept.shown or (), before.digests, strict=True) if digest]
    try:
        found = iter(source_queries.worded(missing, account_id=turn.run.account_id))
    finally:
        # None is held while the model answers.
        connection.close()
    read = {source.id: source for source in files.sources}
    shown, are_gone = [], False
    for source, digest in zip(kept.shown or (), before.digests, strict=True):
        worded = next(found) if digest else source
        if digest and step_records.digest(worded) != digest:
            # A file that could not be kept was read again.
            worded = _with_words_of(read.get(source.id), source)
            if step_records.digest(worded) != digest:
                worded, are_gone = source, True
        shown.append(worded)
    notes = {**kept.notes, **files.notes, **({NAME: GONE} if are_gone else {})}
    return replace(
        files,
        sources=(*files.sources, *kept.sources),
        shown=tuple(shown),
        notes=notes,
        has_searched=kept.has_searched,
        left_out_more=kept.left_out_more,
    )


def _with_words_of(read: Source | None, source: Source) -> Source:
    words = {(passage.start, passage.end): passage.text for passage in read.passages} if read else {}
    return replace(
        source, passages=tuple(replace(one, text=words.get((one.start, one.end), "")) for one in source.passages)
    )


NOTHING_GATHERED = Gathered()


def _joined(found: Sequence[Gathered]) -> Gathered:
    return Gathered(
        sources=tuple(source for one in found for source in one.sources),
        notes={name: note for one in found for name, note in one.notes.items()},
        attachments=tuple(attachment for one in found for attachment in one.attachments),
        has_searched=any(one.has_searched for one in found),
        answer=next((one.answer for one in found if one.answer is not None), None),
    )
