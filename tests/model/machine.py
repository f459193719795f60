"""Random sequences of what users and vendors do, and of faults. After each step the service must match the model."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.comparing import Reading
from tests.model.expectations import Turn
from tests.model.runtime import Runtime
from tests.model.scenario import Scenario
from tests.model.step_log import StepLog, logged

FORM = st.sampled_from(["json", "sse", "ndjson"])
# Two conversations, or none.
THREAD = st.sampled_from(["a", "a", "b", None])
ON_BUSY = st.sampled_from(["queue", "reject", "replace"])
# How many words the vendor sends just before: most failures need that some text was sent.
WORDS = st.integers(0, 2)
KEY = st.sampled_from([None, None, "k1", "k2"])

Find = Callable[["Machine"], Sequence[Any]]


def any_turn(machine: "Machine") -> list[Turn]:
    return machine.scenario.expected.turns


def unfinished_turn(machine: "Machine") -> list[Turn]:
    return [turn for turn in machine.scenario.expected.turns if not turn.has_ended]


def turn_in_progress(machine: "Machine") -> list[Turn]:
    """One that a vendor is answering."""
    return machine.scenario.expected.in_progress()


def turn_with_key(machine: "Machine") -> list[Turn]:
    return list(machine.scenario.expected.keys.values())


def turn_with_log(machine: "Machine") -> list[Turn]:
    return [turn for turn in machine.scenario.expected.turns if turn.is_logged]


def open_reader(machine: "Machine") -> list[Reading]:
    return machine.scenario.readings


def one(find: Find) -> st.SearchStrategy[Any]:
    """One of those that exist at that moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(find(machine)))


def there_is(find: Find) -> Callable[[Any], Any]:
    return precondition(lambda machine: bool(find(machine)))


class Machine(RuleBasedStateMachine):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.scenario = Scenario(runtime)
        self.step_log = StepLog()

    @initialize(form=FORM, key=KEY)
    @logged
    def begin(self, form: str, key: str | None) -> None:
        self.scenario.send(thread="a", form=form, key=key)

    @rule(thread=THREAD, form=FORM, on_busy=ON_BUSY, key=KEY, is_doubled=st.booleans(), words=WORDS)
    @logged
    def send(
        self, *, thread: str | None, form: str, on_busy: str, key: str | None, is_doubled: bool, words: int
    ) -> None:
        """`is_doubled`: send it twice at once, if it has a key, which makes one run of both."""
        if on_busy == "replace":
            for turn in turn_in_progress(self):
                self.scenario.say(turn, words=words)
            self.scenario.agree()
        copies = 2 if key and is_doubled else 1
        self.scenario.send(thread=thread, form=form, on_busy=on_busy, key=key, copies=copies)

    @there_is(turn_with_key)
    @rule(turn=one(turn_with_key), form=FORM)
    @logged
    def repeat(self, turn: Turn, form: str) -> None:
        self.scenario.repeat(turn, form=form)

    @there_is(any_turn)
    @rule(turn=one(any_turn), form=FORM, after=st.integers(0, 4))
    @logged
    def attach(self, turn: Turn, form: str, after: int) -> None:
        self.scenario.attach(turn, form=form, after=after)

    @there_is(open_reader)
    @rule(reading=one(open_reader))
    @logged
    def leave(self, reading: Reading) -> None:
        self.scenario.leave(reading)

    @there_is(unfinished_turn)
    @rule(turn=one(unfinished_turn), words=WORDS)
    @logged
    def cancel(self, turn: Turn, words: int) -> None:
        if turn in turn_in_progress(self):
            self.scenario.say(turn, words=words)
            self.scenario.agree()
        self.scenario.cancel(turn)

    @there_is(turn_in_progress)
    @rule(turn=one(turn_in_progress), words=st.integers(1, 3))
    @logged
    def say(self, turn: Turn, words: int) -> None:
        self.scenario.say(turn, words=words)

    @there_is(turn_in_progress)
    @rule(turn=one(turn_in_progress), words=WORDS)
    @logged
    def complete(self, turn: Turn, words: int) -> None:
        self.scenario.say(turn, words=words)
        self.scenario.complete(turn)

    @there_is(turn_in_progress)
    @rule(turn=one(turn_in_progress), words=WORDS)
    @logged
    def refuse(self, turn: Turn, words: int) -> None:
        self.scenario.say(turn, words=words)
        self.scenario.agree()
        self.scenario.refuse(turn)

    @there_is(turn_in_progress)
    @rule(turn=one(turn_in_progress), words=WORDS)
    @logged
    def cut(self, turn: Turn, words: int) -> None:
        self.scenario.say(turn, words=words)
        self.scenario.agree()
        self.scenario.cut(turn)

    @there_is(turn_with_log)
    @rule()
    @logged
    def flush_valkey(self) -> None:
        self.scenario.flush()

    @invariant()
    def service_matches_the_model(self) -> None:
        with self.step_log.step("agree()"):
            self.scenario.agree()

    def teardown(self) -> None:
        try:
            if not self.step_log.is_broken:
                with self.step_log.step("finish()"):
                    self.scenario.finish()
        finally:
            self.scenario.clean_up()


class MachineWithCrashes(Machine):
    """Few crashes in each sequence, where they matter: every one takes ten seconds."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._workers_left, self._webs_left, self._freezes_left = 2, 1, 1

    @precondition(lambda self: self._workers_left > 0 and bool(turn_in_progress(self)))
    @rule(words=WORDS)
    @logged
    def kill_worker(self, words: int) -> None:
        self._workers_left -= 1
        for turn in turn_in_progress(self):
            self.scenario.say(turn, words=words)
        self.scenario.agree()
        self.scenario.kill_worker()

    @precondition(lambda self: self._webs_left > 0 and bool(open_reader(self)))
    @rule()
    @logged
    def kill_web(self) -> None:
        self._webs_left -= 1
        self.scenario.kill_web()

    @precondition(lambda self: self._freezes_left > 0 and bool(turn_in_progress(self)))
    @rule(words=WORDS)
    @logged
    def freeze_worker(self, words: int) -> None:
        self._freezes_left -= 1
        for turn in turn_in_progress(self):
            self.scenario.say(turn, words=words)
        self.scenario.agree()
        self.scenario.freeze_worker()
