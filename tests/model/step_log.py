"""The steps of a sequence, shown when one of them has an unexpected outcome."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol


class UnexpectedOutcome(BaseException):
    """Not an Exception: after an Exception hypothesis repeats the sequence, and reports a different outcome as flaky.

    Processes that race rarely fail twice in the same way. The first failure is the one to read.
    """


class StepLog:
    """The steps so far, for the message of a failure."""

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
            raise UnexpectedOutcome("\n  ".join([f"{exc}\nat the last of these steps:", *self._steps])) from exc


class HasStepLog(Protocol):
    step_log: StepLog


def logged(rule: Callable[..., None]) -> Callable[..., None]:
    """Make a rule a step in the log of its machine."""

    @wraps(rule)
    def step(machine: HasStepLog, **drawn: Any) -> None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in drawn.items())
        with machine.step_log.step(f"{rule.__name__}({arguments})"):
            rule(machine, **drawn)

    return step
