"""A page of a transcript as values for its template: message bubbles, and below each turn the facts of its run."""

from dataclasses import dataclass
from datetime import datetime

from conversations.admin.conversations.parts import TEXT_SHOWN_CHARS, Block, Renderer
from conversations.admin.site import formatting, sources
from conversations.admin.site.sources import ShownSource
from conversations.models import Conversation, Message, Run
from conversations.queries.conversations import transcripts
from conversations.queries.conversations.transcripts import Turn
from conversations.values.context.sources import NOT_SOURCED
from conversations.values.runs import RunStatus

OFF_THREAD_NOTES = {
    RunStatus.QUEUED: "waits for its turn",
    RunStatus.IN_PROGRESS: "is being answered",
    RunStatus.REQUIRES_ACTION: "waits for an approval",
    RunStatus.FAILED: "failed: not part of the thread",
}


@dataclass(frozen=True, slots=True)
class Bubble:
    public_id: str
    role: str
    name: str
    tokens: int
    created_at: datetime
    blocks: list[Block]
    is_cut: bool
    is_expanded: bool


@dataclass(frozen=True, slots=True)
class RenderedTurn:
    """`off_thread` are the run's messages that are not part of the thread; `note` says why. `label` is a colour."""

    run: Run
    label: str
    bubbles: list[Bubble]
    off_thread: list[Bubble]
    note: str
    first_token: str
    duration: str
    usage: str
    sources: list[ShownSource]
    source_remarks: list[str]


@dataclass(frozen=True, slots=True)
class Page:
    preset: Block | None
    turns: list[RenderedTurn]
    earlier: str
    is_newest: bool
    is_cut: bool


def page(conversation: Conversation, *, before: str, expanded: str) -> Page:
    read = transcripts.read(conversation=conversation, before=before)
    renderer = Renderer()
    # The newest turns are rendered first, so that the page's limits cut the older ones.
    turns = [_turn(turn, renderer, expanded=expanded) for turn in reversed(read.turns)]
    text = conversation.preset_text
    return Page(
        preset=renderer.text(text, limit=TEXT_SHOWN_CHARS) if text else None,
        turns=turns[::-1],
        earlier=read.earlier.public_id if read.earlier else "",
        is_newest=not before,
        is_cut=read.is_cut,
    )


def _turn(turn: Turn, renderer: Renderer, *, expanded: str) -> RenderedTurn:
    run = turn.run
    sourced = run.sourced or NOT_SOURCED
    return RenderedTurn(
        run=run,
        label=formatting.RUN_STATUS_LABELS[run.status],
        bubbles=[_bubble(message, renderer, expanded=expanded) for message in turn.messages],
        off_thread=[_bubble(message, renderer, expanded=expanded) for message in turn.off_thread],
        note=OFF_THREAD_NOTES.get(run.status, "not part of the thread"),
        first_token=formatting.seconds(run.created_at, run.first_token_at),
        duration=formatting.seconds(run.created_at, run.finished_at),
        usage=formatting.usage(run.usage),
        sources=sources.shown(sourced),
        source_remarks=sources.remarks(sourced),
    )


def _bubble(message: Message, renderer: Renderer, *, expanded: str) -> Bubble:
    is_expanded = message.public_id == expanded
    blocks = renderer.blocks(message, is_expanded=is_expanded)
    return Bubble(
        public_id=message.public_id,
        role=message.role,
        name=message.name,
        tokens=message.tokens,
        created_at=message.created_at,
        blocks=blocks,
        is_cut=any(block.is_cut for block in blocks),
        is_expanded=is_expanded,
    )
