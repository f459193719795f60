"""What Parley promises, as a model small enough to be read: runs, the line of each conversation, keys. All is values.

Every change goes to its end at once: what is in the model is what a user must see soon after.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis.vendor.pretty import RepresentationPrinter

QUEUED, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "queued", "in_progress", "completed", "failed", "cancelled"
# What a reader is told instead of an answer, as the codes of the family.
REFUSED, BROKE_OFF, INTERRUPTED, STOPPED = "bad_request", "chat_error", "api_error", "canceled"
BUSY, DUPLICATION = "busy", "duplication"
MAX_ATTEMPTS = 3
MAX_CALLS = 3  # of one attempt, as long as the vendor says nothing


@dataclass(frozen=True)
class Ask:
    """A request. `thread` None: nothing is stored. `form`: json, sse or ndjson."""

    question: str
    thread: str | None
    form: str
    on_busy: str = "queue"
    key: str | None = None

    def is_same_body(self, other: "Ask") -> bool:
        return (self.question, self.thread) == (other.question, other.thread)


@dataclass(eq=False)
class Turn:
    """A run. `said` is the text of its latest attempt, `calls` how often the vendor was asked over all of them."""

    ask: Ask
    is_streamed: bool
    status: str = QUEUED
    said: str = ""
    error: str = ""
    attempt: int = 0
    losses: int = 0
    calls: int = 0
    calls_in_vain: int = 0
    # Whether Valkey has the text of this attempt, for whoever must tell it should the worker die.
    is_logged: bool = False

    def __repr__(self) -> str:
        return self.ask.question.split()[0]

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """As hypothesis prints it in a failing sequence."""
        printer.text(repr(self))

    @property
    def has_ended(self) -> bool:
        return self.status not in (QUEUED, IN_PROGRESS)

    @property
    def is_kept(self) -> bool:
        """Whether it goes on when its reader leaves."""
        return self.ask.thread is not None or self.ask.key is not None


@dataclass
class Promises:
    turns: list[Turn] = field(default_factory=list)
    paths: defaultdict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, Turn] = field(default_factory=dict)

    def asked(self, ask: Ask) -> Turn | str:
        """The run that answers, a new one or the one that the key stands for; or the code of the refusal."""
        earlier = self.keys.get(ask.key or "")
        if earlier is not None and earlier.status != FAILED:
            if not ask.is_same_body(earlier.ask):
                return DUPLICATION
            if ask.form != "json":
                self.open_as_stream(earlier)
            return earlier
        line = self.line(ask.thread)
        if line and ask.on_busy == "reject":
            return BUSY
        turn = Turn(ask=ask, is_streamed=ask.form != "json")
        self.turns.append(turn)
        if ask.key:
            self.keys[ask.key] = turn
        for active in reversed(line if ask.on_busy == "replace" else []):
            self.cancel(active)
        self._begin_next(turn.ask.thread, turn)
        return turn

    def line(self, thread: str | None) -> list[Turn]:
        """The runs of a conversation that have not ended, the one in progress first."""
        return [turn for turn in self.turns if thread and turn.ask.thread == thread and not turn.has_ended]

    def in_progress(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.status == IN_PROGRESS]

    def messages(self, turn: Turn) -> list[str]:
        """What the vendor must be asked: the conversation's path and the question, roles alternating."""
        path = self.paths[turn.ask.thread] if turn.ask.thread else []
        return [text for pair in path for text in pair] + [turn.ask.question]

    def say(self, turn: Turn, text: str) -> None:
        turn.said += text
        turn.is_logged = True

    def complete(self, turn: Turn) -> None:
        turn.is_logged = True
        self._end(turn, COMPLETED)

    def refuse(self, turn: Turn) -> None:
        """The vendor says that it never will."""
        turn.is_logged = True
        self._end(turn, FAILED, REFUSED)

    def cut(self, turn: Turn) -> None:
        """The vendor's connection breaks: asked again while nobody was shown anything, else that was the end."""
        turn.calls_in_vain += 1
        if not turn.said and turn.calls_in_vain < MAX_CALLS:
            turn.calls += 1
        elif turn.said and not turn.is_streamed and turn.losses + 1 < MAX_ATTEMPTS:
            self._begin_anew(turn)
        else:
            turn.is_logged = True
            self._end(turn, FAILED, BROKE_OFF)

    def cancel(self, turn: Turn) -> None:
        if not turn.has_ended:
            turn.is_logged = turn.status == IN_PROGRESS
            self._end(turn, CANCELLED, "" if turn.said else STOPPED)

    def open_as_stream(self, turn: Turn) -> None:
        turn.is_streamed = turn.is_streamed or not turn.has_ended

    def lose_worker(self, *, is_remembered: bool) -> None:
        """What it had said is known from its log alone. Not `is_remembered`: logs have gone, so it may have spoken."""
        for turn in self.in_progress():
            turn.said = turn.said if turn.is_logged else ""
            may_be_seen = turn.is_streamed and (turn.said or not is_remembered)
            if may_be_seen or turn.losses + 1 == MAX_ATTEMPTS:
                self._end(turn, FAILED, INTERRUPTED)
            else:
                self._begin_anew(turn)

    def lose_logs(self) -> None:
        for turn in self.turns:
            turn.is_logged = False

    def _begin_anew(self, turn: Turn) -> None:
        turn.losses += 1
        self._begin(turn)

    def _begin(self, turn: Turn) -> None:
        turn.status, turn.said, turn.is_logged, turn.calls_in_vain = IN_PROGRESS, "", False, 0
        turn.attempt += 1
        turn.calls += 1

    def _end(self, turn: Turn, status: str, error: str = "") -> None:
        has_begun = turn.status == IN_PROGRESS
        turn.status, turn.error = status, error
        if turn.ask.thread and turn.said and status != FAILED:
            self.paths[turn.ask.thread].append((turn.ask.question, turn.said))
        if has_begun:
            self._begin_next(turn.ask.thread, None)

    def _begin_next(self, thread: str | None, turn: Turn | None) -> None:
        first = next(iter(self.line(thread)), turn)
        if first is not None and first.status == QUEUED:
            self._begin(first)
