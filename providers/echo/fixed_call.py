"""A call that asks nobody: its answer was given before."""

import threading
from collections.abc import Generator

from providers.calls.base import Call
from providers.errors import CallAborted
from providers.events import ChoiceFinished, StreamEvent, TextDelta, UsageReported
from providers.messages import Usage


class FixedCall(Call):
    """Says exactly `text` in each of so many choices, and uses nothing."""

    def __init__(self, text: str, *, choices: int = 1) -> None:
        super().__init__()
        self._text = text
        self._choices = choices
        self._aborted = threading.Event()

    @property
    def has_sent_prompt(self) -> bool:
        return False

    def abort(self) -> None:
        self._aborted.set()

    def _run(self) -> Generator[StreamEvent]:
        for choice in range(self._choices):
            if self._aborted.is_set():
                raise CallAborted("The call was aborted.")
            yield TextDelta(self._text, choice)
            yield ChoiceFinished("stop", choice)
        yield UsageReported(Usage(0, 0))
