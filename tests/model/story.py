"""The steps of a sequence as they were played, to be read when one of them shows a promise broken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol


class BrokenPromise(BaseException):
    """Not an Exception: for that hypothesis plays the sequence again, and reports as flaky what goes otherwise then.

    Processes that race rarely do the same wrong twice. The first time is what is to be read.
    """


class Story:
    def __init__(self) -> None:
        self._steps: list[str] = []
        self.is_broken = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._steps.append(name)
        try:
            yield
        except Exception as exc:
            self.is_broken = True
            raise BrokenPromise("\n  ".join([f"{exc}\nat the last of these steps:", *self._steps])) from exc


class Told(Protocol):
    story: Story


def told(play: Callable[..., None]) -> Callable[..., None]:
    """A rule that is a step of its machine's story."""

    @wraps(play)
    def step(machine: Told, **drawn: Any) -> None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in drawn.items())
        with machine.story.step(f"{play.__name__}({arguments})"):
            play(machine, **drawn)

    return step
