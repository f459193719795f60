"""Random sequences of what users, vendors and misfortune do. After each step the service must be as promised."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.comparing import Reading
from tests.model.expectations import Turn
from tests.model.scenario import Play
from tests.model.story import Story, told
from tests.model.world import World

FORM = st.sampled_from(["json", "sse", "ndjson"])
# Two conversations, and what is stored in none.
THREAD = st.sampled_from(["a", "a", "b", None])
ON_BUSY = st.sampled_from(["queue", "reject", "replace"])
# What the vendor says just before: most of what can go wrong needs that something was said.
WORDS = st.integers(0, 2)
KEY = st.sampled_from([None, None, "k1", "k2"])

Look = Callable[["Machine"], Sequence[Any]]


def any_turn(machine: "Machine") -> list[Turn]:
    return machine.play.promises.turns


def open_turn(machine: "Machine") -> list[Turn]:
    return [turn for turn in machine.play.promises.turns if not turn.has_ended]


def reply_context(machine: "Machine") -> list[Turn]:
    """One that a vendor is answering."""
    return machine.play.promises.in_progress()


def keyed_turn(machine: "Machine") -> list[Turn]:
    return list(machine.play.promises.keys.values())


def logged_turn(machine: "Machine") -> list[Turn]:
    return [turn for turn in machine.play.promises.turns if turn.is_logged]


def open_reader(machine: "Machine") -> list[Reading]:
    return machine.play.readings


def one(look: Look) -> st.SearchStrategy[Any]:
    """One of those that there are at that moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(look(machine)))


def there_is(look: Look) -> Callable[[Any], Any]:
    return precondition(lambda machine: bool(look(machine)))


class Machine(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.play = Play(world)
        self.story = Story()

    @initialize(form=FORM, key=KEY)
    @told
    def begin(self, form: str, key: str | None) -> None:
        self.play.send(thread="a", form=form, key=key)

    @rule(thread=THREAD, form=FORM, on_busy=ON_BUSY, key=KEY, is_doubled=st.booleans(), words=WORDS)
    @told
    def send(
        self, *, thread: str | None, form: str, on_busy: str, key: str | None, is_doubled: bool, words: int
    ) -> None:
        """Doubled: the same again at the same moment, as far as a key makes one of the two."""
        if on_busy == "replace":
            for turn in reply_context(self):
                self.play.say(turn, words=words)
            self.play.agree()
        copies = 2 if key and is_doubled else 1
        self.play.send(thread=thread, form=form, on_busy=on_busy, key=key, copies=copies)

    @there_is(keyed_turn)
    @rule(turn=one(keyed_turn), form=FORM)
    @told
    def repeat(self, turn: Turn, form: str) -> None:
        self.play.repeat(turn, form=form)

    @there_is(any_turn)
    @rule(turn=one(any_turn), form=FORM, after=st.integers(0, 4))
    @told
    def attach(self, turn: Turn, form: str, after: int) -> None:
        self.play.attach(turn, form=form, after=after)

    @there_is(open_reader)
    @rule(reading=one(open_reader))
    @told
    def leave(self, reading: Reading) -> None:
        self.play.leave(reading)

    @there_is(open_turn)
    @rule(turn=one(open_turn), words=WORDS)
    @told
    def cancel(self, turn: Turn, words: int) -> None:
        if turn in reply_context(self):
            self.play.say(turn, words=words)
            self.play.agree()
        self.play.cancel(turn)

    @there_is(reply_context)
    @rule(turn=one(reply_context), words=st.integers(1, 3))
    @told
    def say(self, turn: Turn, words: int) -> None:
        self.play.say(turn, words=words)

    @there_is(reply_context)
    @rule(turn=one(reply_context), words=WORDS)
    @told
    def complete(self, turn: Turn, words: int) -> None:
        self.play.say(turn, words=words)
        self.play.complete(turn)

    @there_is(reply_context)
    @rule(turn=one(reply_context), words=WORDS)
    @told
    def refuse(self, turn: Turn, words: int) -> None:
        self.play.say(turn, words=words)
        self.play.agree()
        self.play.refuse(turn)

    @there_is(reply_context)
    @rule(turn=one(reply_context), words=WORDS)
    @told
    def cut(self, turn: Turn, words: int) -> None:
        self.play.say(turn, words=words)
        self.play.agree()
        self.play.cut(turn)

    @there_is(logged_turn)
    @rule()
    @told
    def flush_valkey(self) -> None:
        self.play.flush()

    @invariant()
    def service_is_as_promised(self) -> None:
        with self.story.step("agree()"):
            self.play.agree()

    def teardown(self) -> None:
        try:
            if not self.story.is_broken:
                with self.story.step("finish()"):
                    self.play.finish()
        finally:
            self.play.clean_up()


class MachineWithCrashes(Machine):
    """Few crashes each, and where they hurt: every one costs ten seconds."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workers_left, self._webs_left, self._freezes_left = 2, 1, 1

    @precondition(lambda self: self._workers_left > 0 and bool(reply_context(self)))
    @rule(words=WORDS)
    @told
    def kill_worker(self, words: int) -> None:
        self._workers_left -= 1
        for turn in reply_context(self):
            self.play.say(turn, words=words)
        self.play.agree()
        self.play.kill_worker()

    @precondition(lambda self: self._webs_left > 0 and bool(open_reader(self)))
    @rule()
    @told
    def kill_web(self) -> None:
        self._webs_left -= 1
        self.play.kill_web()

    @precondition(lambda self: self._freezes_left > 0 and bool(reply_context(self)))
    @rule(words=WORDS)
    @told
    def freeze_worker(self, words: int) -> None:
        self._freezes_left -= 1
        for turn in reply_context(self):
            self.play.say(turn, words=words)
        self.play.agree()
        self.play.freeze_worker()
