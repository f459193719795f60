"""What was sent upstream for a run, or would be: its receipt, and what a run's row keeps so that one can be made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conversations.values.context.sources import Source
from providers.messages import Usage


class Trimmed(StrEnum):
    """Why a message, or a part of it, was not sent as it is.

    `window`: there is no room for it. `history_most`: its turn asked for no more of the earlier messages. `shrunk`: the
    vendor refused the prompt as too long, and it was sent shorter.
    `tool_pairing`: a call without a result, a result without a call, a second result, or thoughts alone (ADR 13).
    """

    WINDOW = "window"
    HISTORY_MOST = "history_most"
    SHRUNK = "shrunk"
    TOOL_PAIRING = "tool_pairing"


# Of one prompt: the last ones.
FILES_MAX = 200


class FileShown(StrEnum):
    """How a model was shown a file, an image or a sound: as it is, as a source, as its bytes, or not at all."""

    NATIVE = "native"
    TEXT = "text"
    DATA_URL = "data_url"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file of a message. `message` counts what was sent, the preset included, from 0. `source` is its number."""

    message: int
    kind: str
    name: str
    shown: FileShown
    source: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KeptContext:
    """What a run's row keeps of a prompt that cannot be derived from its messages alone.

    `read`: how many messages of the history were looked at; the oldest `dropped` of them were left out, as they are
    once tool calls have their results. `dropped_before`: how many had been, before the vendor refused the prompt; None
    where it did not. `window`: the target's, in tokens. `answer_limit`: what an answer might have at most for its cost,
    in tokens. `tokens` are estimates, by part. `sources` are those of a turn without an answer, else they are kept
    with the answer. `digests` are of the texts of the sources that were shown, in the order of their numbers.
    `left_out`: what was found and not shown, of which `left_out_more` passages are not kept.
    `has_searched`: the search of the web was ours, and the vendor was not asked for one. `steps`: how many answers that
    call tools of ours were sent along, with what their tools said; `results_most`: to how many tokens that was cut, if
    it was. `is_cut`: what is older than `read` was not shown because the turn asked for no more.
    """

    read: int
    dropped: int
    window: int
    tokens: Mapping[str, int]
    dropped_before: int | None = None
    answer_limit: int | None = None
    files: tuple[ShownFile, ...] = ()
    sources: tuple[Source, ...] = ()
    digests: tuple[str, ...] = ()
    left_out: tuple[Source, ...] = ()
    left_out_more: int = 0
    has_searched: bool = False
    steps: int = 0
    results_most: int | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False


class Origin(StrEnum):
    """`step`: said in this turn, by its model or a tool of ours, before the model was asked again."""

    PRESET = "preset"
    HISTORY = "history"
    QUESTION = "question"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """A message that was sent, or left out. `position` counts what was sent from 0; None for what was not.

    `id` is public, None for what no conversation keeps. `is_partial`: some of its parts were left out, or stand
    elsewhere. `text` is None where it was not asked for, or is too long.
    """

    id: str | None
    origin: Origin
    role: str
    tokens: int
    position: int | None = None
    trimmed: Trimmed | None = None
    is_partial: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptSource:
    """A source with its passages. `number` is None for what was left out."""

    source: Source
    number: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PresetUsed:
    """`name` and `version` are those of a stored preset, "" and None for a text that the caller gave."""

    tokens: int
    name: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """`messages` is a page of the messages; `earlier` is where the page before it ends, "" for none.

    `sent`: how many messages were sent, None where more were than can be listed. `target` names the vendor, for
    operators alone. `sources_at`: the position of the message that the sources stand in, None without any.
    `context_window` is of the target, in tokens. `beside_active_run`: another run of the conversation was active.
    `reserve`: what a metered account would have reserved for it.
    """

    model: str
    operation: str
    run: str | None = None
    conversation: str | None = None
    target: str = ""
    context_window: int | None = None
    preset: PresetUsed | None = None
    messages: tuple[PromptMessage, ...] = ()
    earlier: str = ""
    sent: int | None = None
    trimmed: Mapping[str, int] = field(default_factory=dict)
    has_more: bool = False
    texts: int = 0
    sources: tuple[ReceiptSource, ...] = ()
    sources_at: int | None = None
    left_out_more: int = 0
    files: tuple[ShownFile, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    tools_called: tuple[str, ...] = ()
    tokens: Mapping[str, int] = field(default_factory=dict)
    usage: Usage | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    is_dry_run: bool = False
    beside_active_run: bool = False
    reserve: str | None = None
