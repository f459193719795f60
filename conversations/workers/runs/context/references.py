"""Reads the files and images of a conversation that its model does not take itself, and makes sources of them.

What an earlier turn has read is found by the conversation, so a file is read once. One of this turn that cannot be read
ends it; one of an earlier turn stays out, and the model is told so.
"""

import base64
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from django.db import DatabaseError, connection

from conversations import errors
from conversations.knowledge import prepared, ranking
from conversations.knowledge.prepared import Prepared
from conversations.knowledge.showing import fitting
from conversations.queries.knowledge import contents as kept_contents
from conversations.queries.knowledge.contents import KeptContent
from conversations.services import one_by_one
from conversations.services.knowledge import contents
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.shares import Shares
from conversations.values.context.contents import ReadContent
from conversations.values.context.sources import Attachment, Gathered, Passage, Source, SourceKind
from conversations.workers.runs.context import reading, wanted
from conversations.workers.runs.context.reading import Problem
from conversations.workers.runs.context.turn import Turn
from conversations.workers.runs.context.wanted import Wanted
from conversations.workers.runs.process import RunHandle
from providers.errors import CallAborted
from providers.messages import FilePart, Message, Role, TextPart

# Of one turn, with those of the history: files, and characters and bytes of what they hold together.
FILES_MAX = 64
WEIGHT_MAX = 16_000_000
TOO_MANY = f"a turn may have {FILES_MAX} files"
TOO_BUSY = "Too many long files are being prepared at the moment."
TOO_LONG = "the files of the conversation are too long together"
QUESTION_CHARS = 4_000
# Texts of this length together take about a tenth of a second of the interpreter to split, count and rank.
LONG_CHARS = 500_000
LONG_AT_ONCE = 4
LOOK_SECONDS = 0.25
_long_texts = Shares(LONG_AT_ONCE)

# By the identity of a part.
Found = dict[int, ReadContent | Problem]


@dataclass(slots=True)
class _Reader:
    """Of one turn. `weight` is of what it holds so far."""

    run: ClaimedRun
    handle: RunHandle
    ends_at: float
    weight: int = 0
    found: Found = field(default_factory=dict)
    # The model was asked with these files: none of them ends the turn any more, and none is looked for anew.
    goes_on: bool = False

    def read(self, files: Sequence[Wanted]) -> None:
        """The newest first: what is too much is of the turns longest ago. Raises what `_refuse` raises."""
        newest = [file for file in reversed(files) if file.key is not None]
        for file in newest[FILES_MAX:]:
            self._refuse(file, Problem(TOO_MANY))
        chosen = [wanted.with_key(file) for file in newest[:FILES_MAX]]
        for file in chosen:
            if file.key is None:
                self._refuse(file, Problem(file.problem))
        by_key: dict[bytes, list[Wanted]] = {}
        for file in chosen:
            if file.key is not None:
                by_key.setdefault(file.key, []).append(file)
        missing = self._take_kept(by_key)
        self._read_missing([by_key[key] for key in missing])

    def _take_kept(self, by_key: Mapping[bytes, list[Wanted]]) -> list[bytes]:
        """Takes what was read before; returns the keys of the others."""
        try:
            kept = {key: row for key, row in self._kept(by_key).items() if not self._is_stale(by_key[key], row)}
            chosen: dict[bytes, KeptContent] = {}
            for key in by_key:
                if key in kept and self._has_room(by_key[key], kept[key].weight):
                    chosen[key] = kept[key]
            read = kept_contents.read(account_id=self.run.account_id, pks=[row.pk for row in chosen.values()])
            if read and not self.run.is_dry:
                self._note_use(read)
        finally:
            # None is held while files are read.
            connection.close()
        for key, row in chosen.items():
            if row.pk in read:
                self._set(by_key[key], read[row.pk])
        return [key for key, files in by_key.items() if id(files[0].part) not in self.found]

    def _note_use(self, pks: Collection[int]) -> None:
        """Where that is refused they are only deleted sooner."""
        try:
            contents.note_use(account_id=self.run.account_id, pks=pks)
        except DatabaseError as exc:
            one_by_one.log_once("note_use", self.run.public_id, exc)

    def _kept(self, by_key: Mapping[bytes, list[Wanted]]) -> dict[bytes, KeptContent]:
        account_id, conversation_id = self.run.account_id, self.run.conversation_id
        links = [key for key, files in by_key.items() if files[0].link]
        held = [key for key, files in by_key.items() if not files[0].link]
        found: dict[bytes, KeptContent] = {}
        if links and conversation_id is not None:
            found |= kept_contents.of_links(account_id=account_id, conversation_id=conversation_id, keys=links)
        if held:
            found |= kept_contents.by_digests(account_id=account_id, digests=held)
        return found

    def _is_stale(self, files: Sequence[Wanted], row: KeptContent) -> bool:
        """Who gives a link again wants what is there now. A run whose worker died does not read it twice."""
        return not self.goes_on and any(file.is_new and file.link for file in files) and row.run_key != self.run.pk

    def _has_room(self, files: Sequence[Wanted], weight: int) -> bool:
        if self.weight + weight > WEIGHT_MAX:
            for file in files:
                self._refuse(file, Problem(TOO_LONG))
            return False
        self.weight += weight
        return True

    def _read_missing(self, missing: Sequence[list[Wanted]]) -> None:
        if not missing:
            return
        by_first = {id(files[0].part): files for files in missing}
        fresh: dict[bytes, ReadContent] = {}
        first = [files[0] for files in missing]
        # One that is refused ends the turn: the others are not read for nobody.
        left = max(0.0, self.ends_at - time.monotonic())
        with closing(reading.read_all(first, owner=self.run.account_id, handle=self.handle, seconds=left)) as outcomes:
            for file, outcome in outcomes:
                files = by_first[id(file.part)]
                if isinstance(outcome, Problem):
                    for one in files:
                        self._refuse(one, outcome)
                elif self._has_room(files, outcome.weight):
                    self._set(files, outcome)
                    if file.key is not None:
                        fresh[file.key] = outcome
        self._keep(fresh)

    def _keep(self, fresh: Mapping[bytes, ReadContent]) -> None:
        """Where it cannot be stored the turn goes on, and a later one reads it again."""
        run = self.run
        if not fresh or run.conversation_id is None or run.is_dry:
            return
        try:
            contents.keep(
                account_id=run.account_id, conversation_id=run.conversation_id, run_key=run.pk, readings=fresh
            )
        except (DatabaseError, ValueError) as exc:
            one_by_one.log_once("keep_contents", run.public_id, exc)
        finally:
            connection.close()

    def _set(self, files: Sequence[Wanted], outcome: ReadContent | Problem) -> None:
        self.found |= {id(file.part): outcome for file in files}

    def _refuse(self, file: Wanted, problem: Problem) -> None:
        """Raises InvalidRequest, or ServiceUnavailable, for a file of this turn; notes one of an earlier turn."""
        is_ending = file.is_new and not self.goes_on
        if is_ending and problem.is_busy:
            raise errors.ServiceUnavailable(file.refused(problem.message).message)
        if is_ending:
            raise file.refused(problem.message)
        self._set([file], problem)


def gather(turn: Turn) -> Gathered:
    """Nothing where all targets take all there is.

    Raises InvalidRequest that names a file of this turn, ServiceUnavailable where too many are read at this moment, and
    CallAborted when the run is stopped.
    """
    return _gathered(turn, goes_on=False)


def gather_again(turn: Turn) -> Gathered:
    """As an earlier attempt of the run has found them. What cannot be read any more stays out. Raises CallAborted."""
    return _gathered(turn, goes_on=True)


def _gathered(turn: Turn, *, goes_on: bool) -> Gathered:
    inputs = turn.inputs
    files = wanted.of_turn(inputs, turn.history, [routed.target.inputs for routed in turn.targets])
    if not files:
        return Gathered()
    if not goes_on:
        _check_something_is_left(inputs, files)
    reader = _Reader(turn.run, turn.handle, turn.ends_at, goes_on=goes_on)
    reader.read(files)
    attachments = tuple(_attachment(file, reader.found.get(id(file.part))) for file in files)
    window = max(routed.target.context_window for routed in turn.targets)
    with _place(reader.weight, turn):
        sources = _sources(files, reader.found, question=_question(inputs.messages), window=window)
    return Gathered(sources, attachments=attachments)


@contextmanager
def _place(weight: int, turn: Turn) -> Iterator[None]:
    """Of long texts few are split and ranked at once: each takes the interpreter for up to seconds.

    Raises CallAborted when the run is stopped while it waits, and ServiceUnavailable when none is free in time.
    """
    if weight < LONG_CHARS:
        yield
        return
    owner = turn.run.account_id
    while not _long_texts.begin(owner, seconds=LOOK_SECONDS):
        if turn.handle.aborted_as is not None:
            raise CallAborted("The run was aborted while others were prepared.")
        if time.monotonic() >= turn.ends_at:
            raise errors.ServiceUnavailable(TOO_BUSY)
    try:
        yield
    finally:
        _long_texts.end(owner)


def _check_something_is_left(inputs: PromptInputs, files: Sequence[Wanted]) -> None:
    """Raises InvalidRequest for a turn that has nothing else than what its model does not take."""
    lost = {id(file.part): file for file in files if file.is_new and file.key is None}
    said = [part for message in inputs.messages if message.role is Role.USER for part in message.parts]
    if lost and all(id(part) in lost or (isinstance(part, TextPart) and not part.text.strip()) for part in said):
        file = next(iter(lost.values()))
        raise file.refused(file.problem)


def _attachment(file: Wanted, outcome: ReadContent | Problem | None) -> Attachment:
    made = Attachment(file.part, file.name, is_unreachable=file.is_unreachable)
    if not isinstance(outcome, ReadContent):
        return replace(made, problem=file.problem if outcome is None else outcome.message)
    if outcome.data is not None:
        return replace(made, image=f"data:{outcome.media_type};base64,{base64.b64encode(outcome.data).decode()}")
    return replace(made, source=outcome.digest.hex())


def _sources(files: Sequence[Wanted], found: Found, *, question: str, window: int) -> tuple[Source, ...]:
    """In the order of the conversation, so that numbers stay what they were. Of each text once."""
    texts: dict[str, tuple[Wanted, ReadContent]] = {}
    for file in files:
        content = found.get(id(file.part))
        if isinstance(content, ReadContent) and content.data is None:
            texts.setdefault(content.digest.hex(), (file, content))
    ready = [prepared.KEPT.of(content.text, content.page_starts) for _, content in texts.values()]
    sources = tuple(_source(*text, one) for text, one in zip(texts.values(), ready, strict=True))
    if sum(passage.tokens for source in sources for passage in source.passages) <= window * fitting.SOURCES_SHARE:
        return sources
    lengths = [
        words for (_, content), one in zip(texts.values(), ready, strict=True) for words in one.words(content.text)
    ]
    # More than any target can be shown: what is never shown is not kept while the model answers.
    return fitting.fit(_ranked(sources, question, lengths), room=window, history_tokens=0)


def _source(file: Wanted, content: ReadContent, ready: Prepared) -> Source:
    given = file.part.filename if isinstance(file.part, FilePart) else None
    return Source(
        kind=SourceKind.REFERENCE,
        id=content.digest.hex(),
        title=given or content.title or ("" if file.link else "A file"),
        url=file.link,
        passages=ready.passages(content.text),
    )


def _ranked(sources: Sequence[Source], question: str, lengths: Sequence[int]) -> list[Source]:
    every = [passage for source in sources for passage in source.passages]
    scores = iter(ranking.rank(question, [passage.text for passage in every], lengths=lengths))
    return [replace(source, passages=tuple(map(_scored, source.passages, scores))) for source in sources]


def _scored(passage: Passage, score: float) -> Passage:
    return replace(passage, score=score)


def _question(messages: Sequence[Message]) -> str:
    """What the caller says last."""
    said = next((message.text for message in reversed(messages) if message.role is Role.USER), "")
    return said[:QUESTION_CHARS]
