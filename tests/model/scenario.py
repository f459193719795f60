"""One sequence, run on the model and on the real service at once; `agree` waits until both match."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from tests.journeys import books
from tests.model import comparing
from tests.model.comparing import Reading
from tests.model.expectations import IN_PROGRESS, Ask, Expectations, Turn
from tests.model.runtime import PATIENCE_SECONDS, Runtime
from tests.model.vendor import Call, Vendor
from tests.waiting import eventually


@dataclass
class Known:
    """What is known of a run besides the model: its id, the length of its text at each position, where it ends."""

    run_id: str
    attempt: int = 0
    lengths: tuple[int, ...] = (0,)
    end: int = 0
    json_body: bytes = b""
    thread: str = ""


class Scenario:
    def __init__(self, runtime: Runtime) -> None:
        self.expected = Expectations()
        self._runtime = runtime
        self._vendor = Vendor(runtime.upstream)
        self._name = uuid.uuid4().hex[:8]
        self._money_before = runtime.money()
        self._newest_before = next((run["id"] for run in runtime.runs()), "")
        self._known: dict[Turn, Known] = {}
        self.readings: list[Reading] = []
        self._questions = 0

    # What a user does.

    def send(
        self, *, thread: str | None, form: str, on_busy: str = "queue", key: str | None = None, copies: int = 1
    ) -> None:
        self._questions += 1
        self._ask(
            Ask(
                question=f"q{self._questions} of {self._name}",
                thread=thread and f"{thread}-{self._name}",
                form=form,
                on_busy=on_busy,
                key=key and f"{key}-{self._name}",
            ),
            copies=copies,
        )

    def repeat(self, turn: Turn, *, form: str) -> None:
        self._ask(Ask(turn.ask.question, turn.ask.thread, form, key=turn.ask.key))

    def _ask(self, ask: Ask, *, copies: int = 1) -> None:
        before = self._runtime.rows.counts()
        queue = self.expected.queue(ask.thread)
        verdict = self.expected.asked(ask)
        readers = [self._runtime.ask(ask) for _ in range(copies)]
        if isinstance(verdict, str):
            for reader in readers:
                comparing.refusal(reader, code=verdict, busy_with=self._known[queue[0]].run_id if queue else "")
            assert self._runtime.rows.counts() == before
            return
        is_new = verdict not in self._known
        is_repeat = None if copies > 1 else not is_new
        is_whole = verdict.is_logged or not verdict.has_ended
        self.readings += [
            Reading(reader, verdict, ask.form, is_repeat=is_repeat, is_by_event=is_whole) for reader in readers
        ]
        if not is_new:
            assert self._runtime.rows.counts() == before
            self._wait_for_mark(verdict)
        self._runtime.settle()

    def attach(self, turn: Turn, *, form: str, after: int) -> None:
        reader = self._runtime.attach(self._known[turn].run_id, form=form, after=after)
        if turn.ask.thread is None:
            comparing.refusal(reader, code="not_found")
            return
        if form != "json":
            self.expected.open_as_stream(turn)
        is_whole = turn.is_logged or not turn.has_ended
        self.readings.append(Reading(reader, turn, form, after=after, is_by_event=is_whole))
        self._wait_for_mark(turn)
        self._runtime.settle()

    def _wait_for_mark(self, turn: Turn) -> None:
        run_id = self._known[turn].run_id
        eventually(
            lambda: self._runtime.is_marked_as_stream(run_id), lambda is_marked: is_marked in (None, turn.is_streamed)
        )

    def leave(self, reading: Reading) -> None:
        self.readings.remove(reading)
        reading.reader.leave()
        if not reading.turn.is_kept:
            self.expected.cancel(reading.turn)
        self._runtime.settle()

    def cancel(self, turn: Turn) -> None:
        was = turn.status
        self.expected.cancel(turn)
        cancelled = self._runtime.cancel(self._known[turn].run_id)
        assert cancelled["status"] in {turn.status, was if was == IN_PROGRESS else turn.status}

    # What the vendor does.

    def say(self, turn: Turn, *, words: int) -> None:
        call = self._call(turn)
        texts = [call.word() for _ in range(words)]
        if texts:
            self.expected.say(turn, "".join(texts))
        call.say(texts)

    def complete(self, turn: Turn) -> None:
        """An answer has at least one word; tests/journeys/upstream/test_wordless_answers.py covers the others."""
        if not turn.text:
            self.say(turn, words=1)
        self.expected.complete(turn)
        self._call(turn).complete()

    def refuse(self, turn: Turn) -> None:
        self.expected.refuse(turn)
        self._call(turn).refuse()

    def cut(self, turn: Turn) -> None:
        self.expected.cut(turn)
        self._call(turn).cut()

    def _call(self, turn: Turn) -> Call:
        return self._vendor.calls(turn.ask.question)[-1]

    # What else happens.

    def flush(self) -> None:
        self.expected.lose_logs()
        self._runtime.flush()

    def kill_worker(self) -> None:
        for reading in self.readings:
            reading.is_torn |= bool(reading.turn.text) and not reading.turn.is_logged and reading.form != "json"
        self.expected.lose_worker(is_remembered=self._runtime.remembers_worker())
        self._runtime.kill_worker()

    def freeze_worker(self) -> None:
        """Its runs are given up; when it resumes it still has their answers, which must be refused."""
        stale = [(turn, self._call(turn)) for turn in self.expected.in_progress()]
        self.expected.lose_worker(is_remembered=self._runtime.remembers_worker())
        for turn, _ in stale:
            for reading in self.readings:
                reading.is_torn |= reading.turn is turn and reading.form != "json"
        self._runtime.freeze_worker(until=lambda: not self._any_in_progress())
        for _, call in stale:
            call.say([call.word()])
            call.complete()

    def _any_in_progress(self) -> bool:
        return any(run["status"] == IN_PROGRESS for run in self._runtime.runs(since=self._newest_before))

    def kill_web(self) -> None:
        self._runtime.kill_web()
        for reading in self.readings:
            reading.reader.join(PATIENCE_SECONDS)
        self.readings.clear()

    # The end of the sequence.

    def finish(self) -> None:
        """Let everything end; cancel, repeat and read every turn again; have every conversation show its path."""
        self._complete_all()
        for turn in self.expected.turns:
            self.cancel(turn)
        for turn in list(self.expected.keys.values()):
            self.repeat(turn, form="json")
            self._complete_all()
        self._read_again(after=0)
        # Without logs, from the rows.
        self.flush()
        self._read_again(after=1)
        for thread in sorted({turn.ask.thread for turn in self.expected.turns if turn.ask.thread}):
            self._questions += 1
            self._ask(Ask(f"q{self._questions} of {self._name}", thread, "json"))
            self._complete_all()

    def _complete_all(self) -> None:
        self.agree()
        while self.expected.in_progress():
            for turn in self.expected.in_progress():
                self.complete(turn)
            self.agree()

    def _read_again(self, *, after: int) -> None:
        for turn in [turn for turn in self.expected.turns if turn.ask.thread]:
            for form in ("sse", "ndjson", "json"):
                self.attach(turn, form=form, after=after)
        self.agree()

    def clean_up(self) -> None:
        """Leave nothing running for the next sequence, whatever went wrong."""
        self._vendor.close()
        for reading in self.readings:
            reading.reader.leave()

        def active() -> list[str]:
            runs = self._runtime.runs(since=self._newest_before)
            return [run["id"] for run in runs if run["finished_at"] is None]

        for run_id in active():
            self._runtime.cancel(run_id)
        eventually(active, lambda left: not left, within=PATIENCE_SECONDS)

    # Comparison with the model.

    def agree(self) -> None:
        self._runs_agree()
        for turn in self.expected.turns:
            self._texts_agree(turn)
        self._calls_agree()
        self._money_agrees()
        for reading in [reading for reading in self.readings if reading.turn.has_ended]:
            reading.reader.join(PATIENCE_SECONDS)
            self.readings.remove(reading)
            comparing.reading(reading, known=self._known[reading.turn])

    def _runs_agree(self) -> None:
        """The service has these runs and no others."""
        runs = comparing.agrees(
            lambda: self._runtime.runs(since=self._newest_before)[::-1],
            lambda found: [comparing.facts(run) for run in found],
            [comparing.shown(turn) for turn in self.expected.turns],
            within=PATIENCE_SECONDS,
        )
        for turn, run in zip(self.expected.turns, runs, strict=True):
            assert self._known.setdefault(turn, Known(run["id"])).run_id == run["id"]

    def _money_agrees(self) -> None:
        if not self._runtime.is_metered:
            assert self._runtime.money() == self._money_before
            return
        comparing.agrees(self._runtime.money, self._spent, self.expected.spent(), within=PATIENCE_SECONDS)
        for turn in self.expected.turns:
            assert self._runtime.entries(self._known[turn].run_id) == turn.entries, turn
        books.assert_balanced(self._runtime.rows)

    def _spent(self, money: tuple[Decimal, Decimal, int | None]) -> tuple[Decimal, Decimal, int]:
        balance, reserved, calls = money
        return self._money_before[0] - balance, reserved, (self._money_before[2] or 0) - (calls or 0)

    def _calls_agree(self) -> None:
        for question in {turn.ask.question for turn in self.expected.turns}:
            turns = [turn for turn in self.expected.turns if turn.ask.question == question]
            calls = comparing.agrees(
                partial(self._vendor.calls, question), len, sum(turn.calls for turn in turns), within=PATIENCE_SECONDS
            )
            if turns[-1].status == IN_PROGRESS:
                comparing.messages(calls[-1].messages, self.expected.messages(turns[-1]))

    def _texts_agree(self, turn: Turn) -> None:
        """The text at a position never changes during an attempt."""
        known = self._known[turn]
        if known.attempt != turn.attempt or not turn.text:
            known.attempt, known.lengths = turn.attempt, (0,)
        if turn.is_logged:
            read = partial(self._runtime.log, known.run_id, turn)
            texts = comparing.agrees(read, "".join, turn.text, within=PATIENCE_SECONDS)
            lengths = tuple(len("".join(texts[:count])) for count in range(len(texts) + 1))
            assert lengths[: len(known.lengths)] == known.lengths
            known.lengths = lengths
