"""Asks the targets of a run's model, one after another, until one of them answers.

Another target is asked only before the first content of an answer: what a reader may have seen is never continued by
another model. Which failures are worth another target is a table (`rules/routing.py`). The retries and the time in
which they may be made are those of a single call, over all targets together: while another target can be asked a failed
call is not made again, but the other is asked at once.

A target that takes a limited number of calls, and has that many, is not asked: while there is no other one the run
waits for a place.
"""

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

import structlog

from conversations.errors import ModelNotPriced, ParleyError
from conversations.routing.board import Board, Use
from conversations.routing.targets import RoutedTarget
from conversations.rules import routing as rules
from conversations.rules.routing import FAILURES, Candidate, Fault
from conversations.rules.runs.run_states import AttemptEnd
from conversations.services.runs.claim import ClaimedRun
from conversations.values.runs import Move
from conversations.workers.runs.budget import UNAFFORDABLE
from conversations.workers.runs.recorder import CallRecorder
from providers.catalog import MAX_RETRIES, RETRY_WINDOW_SECONDS, Target
from providers.errors import CallAborted, ProviderError, UpstreamRateLimited

log = structlog.get_logger(__name__)

# How often a run looks whether a place is free.
PLACE_POLL_SECONDS = 0.25

AskOne = Callable[[Target], AttemptEnd | None]


class Failover:
    """Of one attempt, used by one thread. `moves` are the targets that failed, `target` names the last one asked."""

    def __init__(
        self,
        run: ClaimedRun,
        *,
        board: Board,
        recorder: CallRecorder,
        wait: Callable[[float], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`wait`: lets seconds pass; raises CallAborted when the run is stopped meanwhile."""
        self._run = run
        self._board = board
        self._recorder = recorder
        self._wait = wait
        self._chance = chance
        self._errors: list[ProviderError] = []
        # For places, in seconds, over all targets.
        self._waited = 0.0
        self.moves: list[Move] = []
        self.target = ""

    def ask(
        self, targets: Sequence[RoutedTarget], ask_one: AskOne, *, failed_before: Collection[str]
    ) -> AttemptEnd | None:
        """What `ask_one` returns for the target that answered. `failed_before`: names, of earlier attempts of the run.

        A target for which `ask_one` raises one of UNAFFORDABLE was not asked: the next one is, and it counts for
        nothing. Raises what `ask_one` raises; of several targets' ProviderErrors the one that tells most;
        UpstreamRateLimited when no target has had a place.
        """
        left = [routed for routed in targets if routed.name not in failed_before] or list(targets)
        began = time.monotonic()
        refusal: ParleyError | None = None
        while True:
            use, asked = self._begin(left), self.target
            left.remove(use.routed)
            is_last = not left or len(self._errors) + 1 >= rules.MAX_TARGETS
            try:
                return self._ask(use, ask_one, self._limited(use, left=[] if is_last else left, began=began))
            except CallAborted:
                # Nobody's failure: the run was stopped, or its time is over.
                raise
            except UNAFFORDABLE as exc:
                # Other turns have taken of the balance since the run was claimed. Nothing was sent to this target.
                self.target = asked
                if refusal is None or isinstance(refusal, ModelNotPriced):
                    refusal = exc
                if not left:
                    raise rules.telling(self._errors) if self._errors else refusal from None
            except ProviderError as exc:
                if self._recorder.first_token_at is not None:
                    # Readers may have seen content of this target, so it is this one that failed.
                    raise
                left = [] if is_last else self._worth_asking(left, use.routed, exc)
                if not left:
                    # From None: each was logged when it came.
                    raise rules.telling(self._errors) from None

    def _begin(self, left: Sequence[RoutedTarget]) -> Use:
        """Waits while one that could be asked is full. In the end those without a place count as failed."""
        while True:
            begun, full = self._choose(left)
            if begun is not None:
                return begun
            if self._waited < rules.PLACE_SECONDS:
                self._wait(PLACE_POLL_SECONDS)
                self._waited += PLACE_POLL_SECONDS
                continue
            left = [routed for routed in left if routed not in full]
            if not left:
                raise self._no_place(full)

    def _choose(self, left: Sequence[RoutedTarget]) -> tuple[Use | None, Sequence[RoutedTarget]]:
        """A call that has begun; or None, and the targets that have no place for it."""
        account_id, board = self._run.account_id, self._board
        outs = [board.out_until(routed, account_id) for routed in left]
        full: list[RoutedTarget] = []
        while True:
            candidates = [
                Candidate(routed.priority, routed.weight, out) for routed, out in zip(left, outs, strict=True)
            ]
            at = rules.choose(candidates, chance=self._chance() if len(left) > 1 else 0.0)
            if outs[at] is None:
                begun = board.begin(left[at], account_id)
            elif full:
                return None, full
            else:
                begun = board.begin_anyway(left[at], account_id)
            if isinstance(begun, Use):
                return begun, ()
            outs[at] = begun.until
            if begun.is_full:
                full.append(left[at])

    def _no_place(self, full: Sequence[RoutedTarget]) -> ProviderError:
        error = UpstreamRateLimited("The model takes no more calls at once.", reason="no place is free")
        # As many as are asked at most: a vendor may have hundreds of keys.
        for routed in full[: rules.MAX_TARGETS]:
            self.moves.append(Move(routed.name, rules.FULL, None, rules.PLACE_SECONDS))
            self._log(routed, error, is_news=False)
        return rules.telling([*self._errors, error])

    def _limited(self, use: Use, *, left: Sequence[RoutedTarget], began: float) -> Target:
        """With what is left of the retries of a call: none while another target can be asked instead.

        One that is out is not asked instead of one that is not. A probe has time to answer, but not all of it.
        """
        target, account_id = use.routed.target, self._run.account_id
        if any(self._board.out_until(routed, account_id) is None for routed in left):
            return replace(target, max_retries=0, patience=use.patience)
        if not self._errors:
            return target
        seconds = max(0.0, RETRY_WINDOW_SECONDS - (time.monotonic() - began))
        return replace(target, max_retries=max(0, MAX_RETRIES - self._recorder.http_calls), retry_seconds=seconds)

    def _ask(self, use: Use, ask_one: AskOne, target: Target) -> AttemptEnd | None:
        self.target = use.routed.name
        # Not of `self`: the recorder and this would keep each other, with the whole answer, from being freed at once.
        self._recorder.on_first_token = partial(self._board.answered, use)
        began = time.monotonic()
        try:
            end = ask_one(target)
            self._board.answered(use)
        except CallAborted:
            raise
        except ProviderError as exc:
            self._note(use, exc, seconds=time.monotonic() - began)
            raise
        finally:
            self._board.end(use)
        return end

    def _note(self, use: Use, error: ProviderError, *, seconds: float) -> None:
        failure = FAILURES[type(error)]
        is_news = self._board.failed(use, failure, error)
        self._errors.append(error)
        self.moves.append(Move(use.routed.name, failure.reason, error.status, round(seconds, 3)))
        self._log(use.routed, error, is_news=is_news)

    def _worth_asking(
        self, left: Sequence[RoutedTarget], failed: RoutedTarget, error: ProviderError
    ) -> list[RoutedTarget]:
        """Of the targets that are left, those that may do better."""
        fault = FAILURES[type(error)].fault
        if fault is Fault.REQUEST:
            return []
        if fault is Fault.WINDOW:
            return [routed for routed in left if routed.target.context_window > failed.target.context_window]
        if fault is Fault.KEY:
            return [routed for routed in left if routed.access_id != failed.access_id]
        return list(left)

    def _log(self, routed: RoutedTarget, error: ProviderError, *, is_news: bool) -> None:
        """For the operator, without the vendor's text. A refused key is an error, once: only he can replace it."""
        facts = {
            "run_id": self._run.public_id,
            "model": self._run.model,
            "vendor": routed.target.vendor,
            "error": type(error).__name__,
            "status": error.status,
            "vendor_code": error.vendor_code,
            "reason": error.reason,
            "request_id": self._recorder.request_id,
            "target": routed.name,
        }
        if is_news and FAILURES[type(error)].fault is Fault.KEY:
            log.error("upstream_refused_our_key", **facts)
        else:
            log.warning("upstream_failed", **facts)
