"""Puts what was gathered for a turn into its messages: the sources before the question, and what stands for files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from conversations.knowledge.showing import attachments, fitting, source_block
from conversations.rules.conversations import context_window
from conversations.rules.conversations.context_window import HistoryItem
from conversations.values.context.sources import Gathered, Source, SourceKind
from conversations.workers.runs.history import History
from providers import tokens
from providers.catalog import Inputs
from providers.messages import Message, Role

Messages = tuple[Message, ...]


def placed(
    gathered: Gathered, history: History, new: Messages, inputs: Inputs, *, window: Mapping[str, int], shrink: float
) -> tuple[History, Messages, tuple[Source, ...]]:
    """History and new messages for a target with these inputs, and the sources in them, in the order of their numbers.

    `window`: its tokens, and what preset and answer have of them (`context_window.history_budget`). A turn that has
    nowhere a question is shown no sources.
    """
    replaced = attachments.left_out(gathered, inputs)
    needed = attachments.needed(gathered.sources, replaced)
    numbered = gathered.shown or ()
    if gathered.shown is not None:
        needed = (*numbered, *_of_other_targets(numbered, needed))
    # The notes are as long with one number as with another.
    old = attachments.placed(history.messages, replaced, sources=needed, inputs=inputs)
    said = attachments.placed(new, replaced, sources=needed, inputs=inputs)
    has_question = any(message.role is Role.USER for message in (*history.messages, *new))
    room = context_window.history_budget(turn_tokens=tokens.estimate_messages(said), **window)
    history_tokens = sum(item.tokens for item in _items(history, old))
    sources = fitting.fit(
        needed if has_question else (),
        room=room,
        history_tokens=history_tokens,
        shrink=shrink,
        numbered=len(numbered),
    )
    if replaced:
        old = attachments.placed(history.messages, replaced, sources=sources, inputs=inputs)
        said = attachments.placed(new, replaced, sources=sources, inputs=inputs)
    whole = source_block.placed((*old, *said), sources)
    old, said = whole[: len(old)], whole[len(old) :]
    return replace(history, messages=old, items=tuple(_items(history, old))), said, sources


def _of_other_targets(shown: Sequence[Source], needed: Sequence[Source]) -> Sequence[Source]:
    """Files that the targets before took as they are, and this one does not."""
    known = {source.id for source in shown}
    return [
        source
        for source in needed
        if source.kind is SourceKind.REFERENCE and source.id not in known and any(one.text for one in source.passages)
    ]


def _items(history: History, messages: Messages) -> Sequence[HistoryItem]:
    """As the window counts them; only what was replaced is counted again."""
    return [
        item if message is before else HistoryItem.of(message, tokens=tokens.estimate_message(message))
        for item, before, message in zip(history.items, history.messages, messages, strict=True)
    ]
