"""Makes a receipt of what is known of a prompt: the same for a run that has ended and for one that never was."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from conversations.knowledge.showing import attachments
from conversations.queries import sources as source_queries
from conversations.queries.receipts import lines
from conversations.receipts import messages
from conversations.receipts.messages import Entry, Line
from conversations.rules.generation.search_options import without_search
from conversations.rules.money import answer_limits
from conversations.rules.runs import tool_calls
from conversations.values.context import source_records
from conversations.values.context.receipts import (
    FILES_MAX,
    FileShown,
    KeptContext,
    Origin,
    PresetUsed,
    PromptMessage,
    Receipt,
    ReceiptSource,
    ShownFile,
    Trimmed,
)
from conversations.values.context.sources import Source
from conversations.values.requests import Operation
from providers import tokens
from providers.messages import EXTRA_BODY, Message, Role, TextPart

# Of one option in a receipt, as JSON; a larger one is named without its value.
OPTION_MAX_BYTES = 4_000
# Of all that are shown with their values, and how many are named at all.
OPTIONS_MAX_BYTES, OPTIONS_MAX = 64_000, 200
TOOLS_MAX = 128
NAME_MAX_CHARS = 200
# Words of passages, of all sources together.
PASSAGES_MAX_CHARS = 1_000_000
TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page of the messages is wanted: the newest `limit` of those before the message with the id `before`."""

    limit: int
    before: str = ""
    with_text: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a receipt is made of. `base` has all that needs no work.

    `conversation_key`, `newest`: the keys of the conversation, and of the message that the turn follows. `own`: the
    turn's messages. `steps`: what was said in this turn before the model was asked once more. `texts`: the input of an
    operation other than chat. `sources` are those that were shown.
    """

    base: Receipt
    account_id: int
    conversation_key: int | None
    newest: int | None
    own: Sequence[Line]
    preset_text: str
    options: Mapping[str, Any]
    steps: Sequence[Message] = ()
    texts: Sequence[Any] = ()
    sources: tuple[Source, ...] = ()
    kept: KeptContext | None = None


def as_sent(options: Mapping[str, Any], kept: KeptContext, *, is_chat: bool) -> dict[str, Any]:
    """With the limit on the answer, if its account can pay for no longer one, and without a search that was ours."""
    sent = dict(without_search(options) if kept.has_searched else options)
    if kept.answer_limit is None:
        return sent
    return sent | dict.fromkeys(answer_limits.names(options) if is_chat else ("max_tokens",), kept.answer_limit)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What is known of the messages: `entries` of those that the prompt was made of, and a page of what is older.

    `why`: what is older was not looked at.
    """

    entries: Sequence[Entry]
    path: lines.Path
    why: Trimmed = Trimmed.WINDOW

    @property
    def is_counted(self) -> bool:
        """Where even the oldest that is listed was sent, older ones may have been."""
        is_cut = self.path.older_count or any(entry.shown.position is None for entry in self.entries)
        return not self.path.has_more or bool(is_cut)

    def page(self, asked: Asked) -> tuple[Sequence[Entry], str]:
        """The page, and where the one before it ends: before a message of this id; of one without, of this place.

        What is not there ends no page.
        """
        path, count = self.path, self.path.older_count
        ends = (at for at, entry in enumerate(self.entries) if asked.before and _cursor(at, entry) == asked.before)
        end = next((count + at for at in ends), path.before if path.before < count else count + len(self.entries))
        begin = max(0, end - asked.limit)
        older = [line for at, line in enumerate(path.older, path.older_from) if begin <= at < end]
        page = [*messages.unread(older, why=self.why), *self.entries[max(0, begin - count) : max(0, end - count)]]
        return page, _cursor(begin - count, page[0]) if begin and page else ""


def _cursor(at: int, entry: Entry) -> str:
    return entry.line.id or f"{at}"


def receipt(facts: Facts, asked: Asked) -> Receipt:
    listed = _listed(facts, asked)
    page, earlier = listed.page(asked)
    preset = _preset(facts)
    shown = [entry.shown for entry in listed.entries if entry.shown.position is not None]
    found = replace(
        facts.base,
        preset=preset,
        messages=(*_preset_message(facts, preset, asked, is_first=not earlier), *_with_words(page, facts, asked)),
        earlier=earlier,
        sent=len(shown) + bool(preset) if listed.is_counted else None,
        trimmed=_counted(listed),
        has_more=listed.path.has_more,
        texts=len(facts.texts),
        sources=_sources(facts, asked),
        sources_at=_sources_at(shown) if facts.sources else None,
        files=_files(facts, listed.entries),
        options=_options(facts.options),
        tools=(*_tools(facts.options), *facts.base.tools)[:TOOLS_MAX],
        tools_called=tuple(name[:NAME_MAX_CHARS] for name in facts.base.tools_called[:TOOLS_MAX]),
        tokens=_tokens(facts, preset, shown),
        notes={**facts.base.notes, **(facts.kept.notes if facts.kept else {})},
    )
    if facts.kept is None:
        return found
    return replace(found, context_window=facts.kept.window, left_out_more=facts.kept.left_out_more)


def _listed(facts: Facts, asked: Asked) -> _Listed:
    first = int(bool(facts.preset_text))
    path, arranged = _of_conversation(facts, asked, partial(messages.arranged, first=first, kept=facts.kept))
    sent = sum(entry.shown.position is not None for entry in arranged)
    why = Trimmed.HISTORY_MOST if facts.kept is not None and facts.kept.is_cut else Trimmed.WINDOW
    return _Listed([*arranged, *messages.said_in_steps(facts.steps, first=first + sent)], path, why)


def _of_conversation(facts: Facts, asked: Asked, arrange: Callable[..., list[Entry]]) -> tuple[lines.Path, list[Entry]]:
    if facts.conversation_key is None:
        return lines.Path(), arrange((), facts.own)
    keys = {"account_id": facts.account_id, "conversation_id": facts.conversation_key}
    read = facts.kept.read if facts.kept else None
    path = lines.of_path(**keys, newest=facts.newest, read=read, limit=asked.limit, before=asked.before)
    split = len(path.read)
    found = lines.with_parts([*path.read, *facts.own], **keys)
    entries = arrange(found[:split], found[split:])
    if parted := {one.line.key for one in entries if one.shown.is_partial and one.line.key and not one.line.is_whole}:
        # How long the rest of them is can only be told of their words.
        found = lines.whole(found, parted, **keys)
        entries = arrange(found[:split], found[split:])
    return path, entries


def _preset(facts: Facts) -> PresetUsed | None:
    if not facts.preset_text:
        return None
    counted = tokens.estimate_message(Message(Role.SYSTEM, (TextPart(facts.preset_text),)))
    return replace(facts.base.preset or PresetUsed(0), tokens=counted)


def _preset_message(facts: Facts, preset: PresetUsed | None, asked: Asked, *, is_first: bool) -> list[PromptMessage]:
    if preset is None or not is_first:
        return []
    text = facts.preset_text if asked.with_text and len(facts.preset_text) <= lines.PAGE_MAX_CHARS else None
    return [PromptMessage(None, Origin.PRESET, Role.SYSTEM.value, preset.tokens, position=0, text=text)]


def _with_words(page: Sequence[Entry], facts: Facts, asked: Asked) -> list[PromptMessage]:
    """Of what no conversation keeps, the words are at hand."""
    if not asked.with_text:
        return [entry.shown for entry in page]
    keys = {entry.line.key for entry in page if entry.line.key is not None}
    conversation = facts.conversation_key or 0
    known = lines.words(keys, account_id=facts.account_id, conversation_id=conversation)
    left = lines.PAGE_MAX_CHARS
    found: list[PromptMessage] = []
    for entry in reversed(page):
        key = entry.line.key
        text = lines.said(entry.line.message.parts) if key is None else known.get(key)
        left -= len(text or "")
        found.append(replace(entry.shown, text=text if left >= 0 else None))
    return found[::-1]


def _counted(listed: _Listed) -> dict[str, int]:
    """How many messages were left out, and why."""
    reasons = Counter(one.shown.trimmed for one in listed.entries if one.shown.position is None)
    reasons[listed.why] += listed.path.older_count
    return {reason.value: count for reason in Trimmed if (count := reasons[reason])}


def _sources(facts: Facts, asked: Asked) -> tuple[ReceiptSource, ...]:
    digests = facts.kept.digests if facts.kept else ()
    left = PASSAGES_MAX_CHARS if asked.with_text else 0
    found = []
    for number, source in enumerate(facts.sources, 1):
        digest = digests[number - 1] if number <= len(digests) else ""
        texts = _texts(source, facts.account_id) if left > 0 else []
        if not _is_same(texts, digest):
            texts = []
        left -= sum(map(len, texts))
        found.append(ReceiptSource(_worded(source, texts), number, digest))
    left_out = facts.kept.left_out if facts.kept else ()
    return (*found, *(ReceiptSource(source) for source in left_out))


def _texts(source: Source, account_id: int) -> list[str]:
    """Of a prompt that was made just now they are at hand."""
    held = [passage.text for passage in source.passages]
    return held if all(held) else source_queries.texts(source, account_id=account_id)


def _is_same(texts: Sequence[str], digest: str) -> bool:
    return bool(texts) and source_records.digest("\0".join(texts)) == digest


def _worded(source: Source, texts: Sequence[str]) -> Source:
    padded = texts or [""] * len(source.passages)
    return replace(
        source,
        passages=tuple(replace(passage, text=text) for passage, text in zip(source.passages, padded, strict=True)),
    )


def _sources_at(shown: Sequence[PromptMessage]) -> int | None:
    return next((one.position for one in reversed(shown) if one.role == Role.USER.value), None)


def _files(facts: Facts, entries: Sequence[Entry]) -> tuple[ShownFile, ...]:
    """Those that were kept; else every file was sent as it is."""
    if facts.kept is not None and facts.kept.files:
        return facts.kept.files
    found = [
        ShownFile(entry.shown.position, attachments.kind_of(part), attachments.name_of(part), FileShown.NATIVE)
        for entry in entries
        if entry.shown.position is not None
        for _, part in attachments.of(entry.line.message)
    ]
    return tuple(found[-FILES_MAX:])


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without the tools, which are named apart. A vendor's own fields stand beside the others, as they are sent."""
    extra = options.get(EXTRA_BODY) or {}
    given = {**extra, **{name: value for name, value in options.items() if name not in (TOOLS, EXTRA_BODY)}}
    shown: dict[str, Any] = {}
    left = OPTIONS_MAX_BYTES
    for name, value in list(given.items())[:OPTIONS_MAX]:
        size = len(orjson.dumps(value))
        is_shown = size <= min(left, OPTION_MAX_BYTES)
        left -= size if is_shown else 0
        shown[name[:NAME_MAX_CHARS]] = value if is_shown else {"left_out_bytes": size}
    return shown


def _tools(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of what the caller, or the turn, has declared."""
    return tuple(name[:NAME_MAX_CHARS] for name in tool_calls.names_of(options.get(TOOLS))[:TOOLS_MAX])


def _tokens(facts: Facts, preset: PresetUsed | None, shown: Sequence[PromptMessage]) -> dict[str, int]:
    kept = facts.kept.tokens if facts.kept else {}
    own = [one.tokens for one in shown if one.origin is Origin.QUESTION]
    reply = tokens.MESSAGE_TOKENS if facts.base.operation == Operation.CHAT else 0
    counted = {
        "preset": preset.tokens if preset else 0,
        "history": kept.get("history", sum(one.tokens for one in shown if one.origin is Origin.HISTORY)),
        "sources": kept.get("sources", 0),
        "question": kept.get("question", sum(own) + reply + tokens.estimate_bare(facts.texts)),
    }
    steps = sum(one.tokens for one in shown if one.origin is Origin.STEP)
    declared = tokens.estimate_declared(facts.options) if facts.base.operation == Operation.CHAT else 0
    return {**counted, "steps": steps, "tools": kept.get("tools", declared)}
