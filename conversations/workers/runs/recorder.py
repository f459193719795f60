"""Takes in the events of an attempt's calls: measures them, assembles the answer, publishes them to the readers."""

import time
from collections.abc import Callable
from dataclasses import replace

from django.conf import settings

from conversations import errors
from conversations.relay.publish import LiveLog
from conversations.rules.runs.run_states import AttemptEnd, AttemptOutcome
from conversations.workers.runs.budget import Budget
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools.shown import StepLog
from providers.answer_size import AnswerMeter
from providers.assembly import Assembler
from providers.calls.base import Call
from providers.errors import ProviderError
from providers.events import CallStarted, StreamEvent, UsageReported
from providers.messages import Usage

IsPlausible = Callable[[Usage], bool]


class CallRecorder:
    """Used by one thread. `first_token_at` is of `time.monotonic()`; `on_first_token` is called at that moment."""

    def __init__(
        self,
        live_log: LiveLog | StepLog,
        handle: RunHandle,
        budget: Budget | None = None,
        meter: AnswerMeter | None = None,
    ) -> None:
        """`meter`: of the calls before, whose answers count together with this one's."""
        self._live_log = live_log
        self._handle = handle
        self._budget = budget
        self._meter = AnswerMeter(most=settings.MAX_ANSWER_BYTES) if meter is None else meter
        self.assembler = Assembler()
        self.first_token_at: float | None = None
        self.on_first_token: Callable[[], None] = _nothing
        self.request_id = ""
        self.http_calls = 0
        # Of the last call. The usage is what its vendor had counted when it ended without a report.
        self.prompts_sent = 1
        self.has_sent_prompt = False
        self.usage_so_far: Usage | None = None

    @property
    def answer_bytes(self) -> int:
        return self._meter.size

    def record(self, call: Call, *, is_plausible: IsPlausible) -> AttemptEnd | None:
        """Publishes the call's events as they come. None when the call ended by itself.

        Otherwise the attempt's end: its readers can be sent nothing more. A report of usage that is not plausible is
        as if it had not come. Raises what the call raises, and AnswerTooLong.
        """
        handle = self._handle
        try:
            return self._record(call, is_plausible)
        except ProviderError:
            if handle.drain_until is None or handle.aborted_as is None:
                raise
            # The run was stopped before: what its vendor does then is nobody's failure.
            return AttemptEnd(handle.aborted_as)
        finally:
            handle.may_drain = False
            self.http_calls += call.http_calls
            self.prompts_sent = call.prompts_sent
            self.has_sent_prompt = call.has_sent_prompt
            if self.assembler.usage is None and (counted := call.usage_so_far) and is_plausible(counted):
                self.usage_so_far = counted
            self.request_id = call.request_id or ""

    def _record(self, call: Call, is_plausible: IsPlausible) -> AttemptEnd | None:
        handle, budget = self._handle, self._budget
        meter, assembler, live_log = self._meter, self.assembler, self._live_log
        stopped: AttemptEnd | None = None
        for event in call:
            if handle.aborted_as is not None:
                stopped = AttemptEnd(handle.aborted_as)
                if self._is_drained(event, is_plausible):
                    return stopped
                continue
            if type(event) is UsageReported and not is_plausible(event.usage):
                continue
            if self.first_token_at is None and not isinstance(event, CallStarted):
                self.first_token_at = time.monotonic()
                self.on_first_token()
                handle.may_drain = budget is not None and budget.pays
            meter.add(event)
            assembler.add(event)
            live_log.add(event)
            if live_log.is_fenced:
                # A sweep took this worker for dead: the run has ended or belongs to another attempt by now.
                return AttemptEnd(AttemptOutcome.WORKER_LOST)
            if live_log.is_broken:
                # The answer must not look whole to readers who cannot be sent the rest of it.
                return AttemptEnd(AttemptOutcome.ERROR, errors.InternalError())
            if budget is not None and (end := budget.add(event)):
                return end
        return stopped

    def _is_drained(self, event: StreamEvent, is_plausible: IsPlausible) -> bool:
        """Whether nothing more is to be read of a stopped run's call. Of what comes only the usage is kept."""
        until = self._handle.drain_until
        if until is None or time.monotonic() >= until:
            return True
        if type(event) is not UsageReported or not is_plausible(event.usage):
            return False
        self.assembler.add(UsageReported(replace(event.usage, source="drained")))
        return True


def _nothing() -> None:
    pass
