"""A model of the service, small enough to be read: runs, the queue of each conversation, idempotency keys.

Every change takes effect at once. What is in the model is what a user must see soon after.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis.vendor.pretty import RepresentationPrinter

QUEUED, IN_PROGRESS, COMPLETED, FAILED, CANCELLED = "queued", "in_progress", "completed", "failed", "cancelled"
# The error codes that a reader gets in place of an answer.
REFUSED, BROKE_OFF, INTERRUPTED, STOPPED = "bad_request", "chat_error", "api_error", "canceled"
BUSY, DUPLICATION = "busy", "duplication"
MAX_ATTEMPTS = 3
# What a run costs that completed, or was stopped once its vendor had the question; it is reserved until its end.
CALL = Decimal("0.5")
MAX_CALLS = 3  # of one attempt, as long as the vendor has sent no text


@dataclass(frozen=True)
class Ask:
    """A request. `thread`: None when nothing is stored. `form`: json, sse or ndjson."""

    question: str
    thread: str | None
    form: str
    on_busy: str = "queue"
    key: str | None = None

    def is_same_body(self, other: "Ask") -> bool:
        return (self.question, self.thread) == (other.question, other.thread)


@dataclass(eq=False)
class Turn:
    """A run. `text`: the text of its latest attempt. `calls`: how often the vendor was asked in all attempts."""

    ask: Ask
    is_streamed: bool
    status: str = QUEUED
    text: str = ""
    error: str = ""
    attempt: int = 0
    losses: int = 0
    calls: int = 0
    failed_calls: int = 0
    # Whether Valkey has the text of this attempt, which is then known when the worker dies.
    is_logged: bool = False
    # Whether it was stopped while a vendor had its question.
    was_stopped_at_work: bool = False

    def __repr__(self) -> str:
        return self.ask.question.split()[0]

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """The form that hypothesis prints in a failing sequence."""
        printer.text(repr(self))

    @property
    def has_ended(self) -> bool:
        return self.status not in (QUEUED, IN_PROGRESS)

    @property
    def is_paid(self) -> bool:
        return self.status == COMPLETED or self.was_stopped_at_work

    @property
    def entries(self) -> list[str]:
        """The kinds of its entries in the ledger."""
        if not self.has_ended:
            return ["reserve"]
        return ["reserve", "settle" if self.is_paid else "release"]

    @property
    def is_kept(self) -> bool:
        """Whether it continues when its reader leaves."""
        return self.ask.thread is not None or self.ask.key is not None


@dataclass
class Expectations:
    turns: list[Turn] = field(default_factory=list)
    paths: defaultdict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, Turn] = field(default_factory=dict)

    def asked(self, ask: Ask) -> Turn | str:
        """The run that answers, a new one or the one of the key; or the code of the refusal."""
        earlier = self.keys.get(ask.key or "")
        if earlier is not None and earlier.status != FAILED:
            if not ask.is_same_body(earlier.ask):
                return DUPLICATION
            if ask.form != "json":
                self.open_as_stream(earlier)
            return earlier
        queue = self.queue(ask.thread)
        if queue and ask.on_busy == "reject":
            return BUSY
        turn = Turn(ask=ask, is_streamed=ask.form != "json")
        self.turns.append(turn)
        if ask.key:
            self.keys[ask.key] = turn
        for active in reversed(queue if ask.on_busy == "replace" else []):
            self.cancel(active)
        self._begin_next(turn.ask.thread, turn)
        return turn

    def queue(self, thread: str | None) -> list[Turn]:
        """The runs of a conversation that have not ended, the one in progress first."""
        return [turn for turn in self.turns if thread and turn.ask.thread == thread and not turn.has_ended]

    def in_progress(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.status == IN_PROGRESS]

    def spent(self) -> tuple[Decimal, Decimal, int]:
        """What all turns together have cost, what is reserved for them, and how many calls they have used up."""
        paid = sum(turn.is_paid for turn in self.turns)
        active = sum(not turn.has_ended for turn in self.turns)
        return CALL * paid, CALL * active, paid + active

    def messages(self, turn: Turn) -> list[str]:
        """What the vendor must be asked: the conversation's path and the question, roles alternating."""
        path = self.paths[turn.ask.thread] if turn.ask.thread else []
        return [text for pair in path for text in pair] + [turn.ask.question]

    def say(self, turn: Turn, text: str) -> None:
        turn.text += text
        turn.is_logged = True

    def complete(self, turn: Turn) -> None:
        turn.is_logged = True
        self._end(turn, COMPLETED)

    def refuse(self, turn: Turn) -> None:
        """The vendor refuses the request for good."""
        turn.is_logged = True
        self._end(turn, FAILED, REFUSED)

    def cut(self, turn: Turn) -> None:
        """The vendor's connection breaks. It is asked again as long as no text was shown; otherwise the run may end."""
        turn.failed_calls += 1
        if not turn.text and turn.failed_calls < MAX_CALLS:
            turn.calls += 1
        elif turn.text and not turn.is_streamed and turn.losses + 1 < MAX_ATTEMPTS:
            self._restart(turn)
        else:
            turn.is_logged = True
            self._end(turn, FAILED, BROKE_OFF)

    def cancel(self, turn: Turn) -> None:
        if not turn.has_ended:
            turn.is_logged = turn.was_stopped_at_work = turn.status == IN_PROGRESS
            self._end(turn, CANCELLED, "" if turn.text else STOPPED)

    def open_as_stream(self, turn: Turn) -> None:
        turn.is_streamed = turn.is_streamed or not turn.has_ended

    def lose_worker(self, *, is_remembered: bool) -> None:
        """Only the log knows the text. Not `is_remembered`: Valkey lost logs, so text may have been shown."""
        for turn in self.in_progress():
            turn.text = turn.text if turn.is_logged else ""
            may_be_seen = turn.is_streamed and (turn.text or not is_remembered)
            if may_be_seen or turn.losses + 1 == MAX_ATTEMPTS:
                self._end(turn, FAILED, INTERRUPTED)
            else:
                self._restart(turn)

    def lose_logs(self) -> None:
        for turn in self.turns:
            turn.is_logged = False

    def _restart(self, turn: Turn) -> None:
        turn.losses += 1
        self._begin(turn)

    def _begin(self, turn: Turn) -> None:
        turn.status, turn.text, turn.is_logged, turn.failed_calls = IN_PROGRESS, "", False, 0
        turn.attempt += 1
        turn.calls += 1

    def _end(self, turn: Turn, status: str, error: str = "") -> None:
        has_begun = turn.status == IN_PROGRESS
        turn.status, turn.error = status, error
        if turn.ask.thread and turn.text and status != FAILED:
            self.paths[turn.ask.thread].append((turn.ask.question, turn.text))
        if has_begun:
            self._begin_next(turn.ask.thread, None)

    def _begin_next(self, thread: str | None, turn: Turn | None) -> None:
        first = next(iter(self.queue(thread)), turn)
        if first is not None and first.status == QUEUED:
            self._begin(first)
