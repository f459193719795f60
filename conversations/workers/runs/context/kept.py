"""What a run's row keeps of its prompt (`KeptContext`): only where it cannot be derived from the messages."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conversations.knowledge.showing import attachments, source_block
from conversations.values.context import step_records
from conversations.values.context.receipts import FILES_MAX, FileShown, KeptContext, ShownFile
from conversations.values.context.sources import Attachment, Gathered, Passage, Source, SourceKind
from conversations.workers.runs.history import History
from conversations.workers.runs.prompts import Placed, Prompt
from providers import tokens
from providers.catalog import Inputs, Target
from providers.messages import Role

# Of what was left out, the best.
LEFT_OUT_MAX = 64
REASON_MAX_CHARS = 300
REFERENCE = SourceKind.REFERENCE


def of(
    prompt: Prompt,
    *,
    history: History,
    target: Target,
    gathered: Gathered | None = None,
    dropped_before: int | None = None,
    answer_limit: int | None = None,
    window: int | None = None,
    has_tools: bool = False,
) -> KeptContext | None:
    """None where nothing was gathered, and nothing left out.

    `dropped_before`: how many messages had been left out before the vendor refused the prompt, if it did. `window`: of
    the run, which a smaller target may have answered. `has_tools`: some are of the account, and may change.
    """
    is_derived = prompt.placed is None and history.begins_at_root and answer_limit is None and not has_tools
    is_derived = is_derived and window in (None, target.context_window) and not history.is_cut
    if is_derived and not prompt.dropped and dropped_before is None:
        return None
    kept = KeptContext(
        read=len(history.messages),
        dropped=prompt.dropped,
        window=target.context_window,
        tokens={"tools": prompt.declared_tokens} if has_tools else {},
        dropped_before=dropped_before,
        answer_limit=answer_limit,
        steps=sum(message.role is Role.ASSISTANT for message in prompt.steps.messages),
        results_most=prompt.steps.most,
        is_cut=history.is_cut,
    )
    if gathered is None or prompt.placed is None:
        return kept
    return _with_sources(kept, prompt, prompt.placed, gathered, target.inputs)


def with_numbers(gathered: Gathered, shown: Sequence[Source]) -> Gathered:
    """What was gathered, once the model was shown these sources of it: they keep their numbers.

    Of a run that goes on, those of before are `gathered.shown`, and keep the passages that they had.
    """
    before = gathered.shown or ()
    return replace(gathered, shown=(*before, *shown[len(before) :]))


def of_step(gathered: Gathered) -> Gathered:
    """What a step keeps of it. What was left out of files is found again with the files."""
    others = tuple(source for source in gathered.sources if source.kind is not REFERENCE)
    left_out, more = _left_out(replace(gathered, sources=others), gathered.shown or ())
    return replace(gathered, sources=left_out, left_out_more=more, attachments=())


def _with_sources(kept: KeptContext, prompt: Prompt, placed: Placed, gathered: Gathered, inputs: Inputs) -> KeptContext:
    left_out, more = _left_out(gathered, prompt.sources)
    return replace(
        kept,
        tokens={**kept.tokens, **_tokens(prompt, placed)},
        files=tuple(_files(prompt, placed, gathered, inputs))[-FILES_MAX:],
        sources=tuple(map(_without_text, prompt.sources)),
        digests=tuple(map(step_records.digest, prompt.sources)),
        left_out=left_out,
        left_out_more=more,
        has_searched=gathered.has_searched,
        notes=gathered.notes,
    )


def _tokens(prompt: Prompt, placed: Placed) -> dict[str, int]:
    """The sources stand in the question, and are counted apart."""
    sources = tokens.estimate_text(f"{source_block.text(prompt.sources)}\n\n") if prompt.sources else 0
    return {"history": placed.history_tokens, "sources": sources, "question": placed.new_tokens - sources}


def _left_out(gathered: Gathered, shown: Sequence[Source]) -> tuple[tuple[Source, ...], int]:
    """Of each source the passages that are not shown, and how many more there are than are kept."""
    spans = {(source.kind, source.id, passage.start) for source in shown for passage in source.passages}
    found = [
        (passage.score, at, number)
        for at, source in enumerate(gathered.sources)
        for number, passage in enumerate(source.passages)
        if (source.kind, source.id, passage.start) not in spans
    ]
    best = {(at, number) for _, at, number in sorted(found, key=lambda one: -one[0])[:LEFT_OUT_MAX]}
    kept = [
        _without_text(replace(source, passages=passages))
        for at, source in enumerate(gathered.sources)
        if (passages := tuple(p for number, p in enumerate(source.passages) if (at, number) in best))
    ]
    return tuple(kept), len(found) - len(best) + gathered.left_out_more


def _without_text(source: Source) -> Source:
    passages = tuple(Passage("", p.start, p.end, p.page, p.score) for p in source.passages)
    return replace(source, passages=passages, excerpt=None, snippet="")


def _files(prompt: Prompt, placed: Placed, gathered: Gathered, inputs: Inputs) -> Iterator[ShownFile]:
    """In the order of the messages as they were before anything was placed in them."""
    replaced = attachments.left_out(gathered, inputs)
    numbers = {source.id: number for number, source in enumerate(prompt.sources, 1) if source.kind is REFERENCE}
    for position, message in enumerate(placed.originals, placed.first):
        for _, part in attachments.of(message):
            name, kind = attachments.name_of(part), attachments.kind_of(part)
            found = replaced.get(id(part))
            shown, source, reason = (FileShown.NATIVE, None, "") if found is None else _shown(found, numbers, inputs)
            yield ShownFile(position, kind, name, shown, source, reason[:REASON_MAX_CHARS])


def _shown(found: Attachment, numbers: dict[str, int], inputs: Inputs) -> tuple[FileShown, int | None, str]:
    if found.image and "data" in inputs.images:
        return FileShown.DATA_URL, None, ""
    if number := numbers.get(found.source):
        return FileShown.TEXT, number, ""
    return FileShown.NONE, None, attachments.why_not_shown(found)
