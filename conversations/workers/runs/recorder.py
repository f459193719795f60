"""Takes in the events of an attempt's calls: measures them, assembles the answer, publishes them to the readers."""

import time

from django.conf import settings

from conversations import errors
from conversations.relay.publish import LiveLog
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from providers.answer_size import AnswerMeter
from providers.assembly import Assembler
from providers.calls.base import Call
from providers.events import CallStarted


class CallRecorder:
    """Used by one thread. `first_token_at` is of `time.monotonic()`."""

    def __init__(self, live_log: LiveLog) -> None:
        self._live_log = live_log
        self._meter = AnswerMeter(most=settings.MAX_ANSWER_BYTES)
        self.assembler = Assembler()
        self.first_token_at: float | None = None
        self.request_id = ""
        self.http_calls = 0

    @property
    def answer_bytes(self) -> int:
        return self._meter.size

    def record(self, call: Call) -> AttemptEnd | None:
        """Publishes the call's events as they come. None when the call ended by itself.

        Otherwise the attempt's end: its readers can be sent nothing more. Raises what the call raises, and
        AnswerTooLong.
        """
        meter, assembler, live_log = self._meter, self.assembler, self._live_log
        try:
            for event in call:
                if self.first_token_at is None and not isinstance(event, CallStarted):
                    self.first_token_at = time.monotonic()
                meter.add(event)
                assembler.add(event)
                live_log.add(event)
                if live_log.is_fenced:
                    # A sweep took this worker for dead: the run has ended or belongs to another attempt by now.
                    return AttemptEnd(AttemptOutcome.WORKER_LOST)
                if live_log.is_broken:
                    # The answer must not look whole to readers who cannot be sent the rest of it.
                    return AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())
        finally:
            self.http_calls += call.http_calls
            self.request_id = call.request_id or ""
        return None
