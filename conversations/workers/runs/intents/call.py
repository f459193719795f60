"""One small call to a model beside a run's own: one try at one target, with a deadline, in a thread of its own."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event, Lock

import structlog

from conversations.routing.board import Board, Use
from conversations.routing.targets import RoutedTarget
from conversations.rules import routing as rules
from conversations.rules.money import plausible_usage
from conversations.rules.routing import FAILURES, Candidate
from conversations.services.runs.claim import ClaimedRun
from conversations.shares import begin_thread
from providers import tokens
from providers.assembly import Assembler
from providers.calls.base import Call
from providers.catalog import Target
from providers.errors import CallAborted, ProviderError, UpstreamTimeout
from providers.messages import ChatRequest, Usage
from providers.protocols import registry
from providers.transport.http import Transport

log = structlog.get_logger(__name__)

NAME = "intents"
# A reader waits for it behind the last word at worst.
SECONDS = 5.0
# What comes back is a number or two.
ANSWER_MAX_BYTES = 64_000
# How long its thread may take to see that it was stopped.
STOP_SECONDS = 0.5


class SmallCall:
    """`text` is the whole answer, None while there is none, and where it failed. `is_late`: it took too long."""

    def __init__(
        self, request: ChatRequest, routed: RoutedTarget, *, run: ClaimedRun, board: Board, transport: Transport
    ) -> None:
        self._request = request
        self._routed = routed
        self._run = run
        self._board = board
        self._transport = transport
        self._ends_at = time.monotonic() + SECONDS
        self._lock = Lock()
        self._call: Call | None = None
        self._is_stopped = False
        self._is_over = Event()
        self._assembler = Assembler()
        self.text: str | None = None
        self.is_late = False

    def begin(self) -> bool:
        """False when the system allows no more threads."""
        return begin_thread(self._ask, name=NAME)

    def wait(self, *, is_wanted: bool) -> None:
        """Until it is over, or its time is; one that nobody wants any more is stopped at once."""
        left = max(0.0, self._ends_at - time.monotonic()) if is_wanted else 0.0
        if self._is_over.wait(left):
            return
        self.is_late = is_wanted
        with self._lock:
            self._is_stopped = True
            call = self._call
        if call is not None:
            call.abort()
        self._is_over.wait(STOP_SECONDS)

    @property
    def usage(self) -> Usage | None:
        """As the vendor reported it, else estimated; None where no vendor has the prompt."""
        reported, call = self._assembler.usage, self._call
        if reported is not None and self._is_plausible(reported):
            return reported
        if call is None or not call.has_sent_prompt:
            return None
        # What a thread that did not stop still adds to is not looked at.
        answers = self._assembler.answers() if self._is_over.is_set() else ()
        written = sum(tokens.estimate_parts(answer.parts) for answer in answers)
        return Usage(self.prompt_tokens, written, source="estimated")

    @property
    def prompt_tokens(self) -> int:
        return tokens.estimate_messages(self._request.messages)

    def _is_plausible(self, usage: Usage) -> bool:
        return plausible_usage.is_plausible(
            usage, request=self._request, target=self._target, prompt_tokens=self.prompt_tokens
        )

    @property
    def _target(self) -> Target:
        return replace(
            self._routed.target,
            read_timeout=SECONDS,
            patience=SECONDS,
            max_retries=0,
            max_answer_bytes=min(ANSWER_MAX_BYTES, self._routed.target.max_answer_bytes),
        )

    def _ask(self) -> None:
        try:
            self._asked_of_target()
        except CallAborted:
            pass
        except Exception as exc:
            log.error("intents_broke", run_id=self._run.public_id, exc_info=exc)
        finally:
            self._is_over.set()

    def _asked_of_target(self) -> None:
        """Nobody waits for a place for it."""
        use = self._board.begin(self._routed, self._run.account_id)
        if not isinstance(use, Use):
            return
        try:
            self.text = self._answer()
            self._board.answered(use)
        except CallAborted:
            raise
        except ProviderError as exc:
            self.is_late = isinstance(exc, UpstreamTimeout)
            if not self.is_late:
                # Other calls have more time, so being late here says nothing of the target.
                self._board.failed(use, FAILURES[type(exc)], exc)
            self._log(exc)
        finally:
            self._board.end(use)

    def _answer(self) -> str | None:
        """None for one that takes too long."""
        with registry.open_call(self._request, self._target, transport=self._transport) as call:
            with self._lock:
                self._call = call
                if self._is_stopped:
                    return None
            for event in call:
                self._assembler.add(event)
                if time.monotonic() > self._ends_at:
                    self.is_late = True
                    return None
        return self._assembler.answer().text

    def _log(self, error: ProviderError) -> None:
        log.warning(
            "intents_not_matched",
            run_id=self._run.public_id,
            target=self._routed.name,
            error=type(error).__name__,
            status=error.status,
        )


def target_of(
    targets: Sequence[RoutedTarget], board: Board, *, account_id: int, chance: Callable[[], float] = random.random
) -> RoutedTarget | None:
    """The one to ask; None while all are out: this call is not worth a try."""
    outs = [board.out_until(routed, account_id) for routed in targets]
    if not targets or None not in outs:
        return None
    candidates = [Candidate(routed.priority, routed.weight, out) for routed, out in zip(targets, outs, strict=True)]
    return targets[rules.choose(candidates, chance=chance())]
