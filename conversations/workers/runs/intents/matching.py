"""The intents of one turn: matched with their examples, or else by a model that is asked beside the run's own.

Whatever goes wrong, the turn goes on: then nobody knows whether its question satisfies them, and a note says why.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from conversations import routing
from conversations.errors import ParleyError
from conversations.queries.assistants import intents as intent_queries
from conversations.rules.assistants import intent_examples, intent_questions
from conversations.rules.conversations import reference_texts
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.records import PromptInputs
from conversations.values.assistants import IntentMatch
from conversations.values.requests import Operation
from conversations.workers.runs.budget import UNAFFORDABLE
from conversations.workers.runs.context.turn import Beside
from conversations.workers.runs.intents import call as calls
from conversations.workers.runs.intents.call import SmallCall
from conversations.workers.runs.process import WorkerProcess
from providers.catalog import Target
from providers.messages import ChatRequest, Message, Role, TextPart, Usage, UsedBeside

log = structlog.get_logger(__name__)

NAME = intent_queries.INTENTS_NOTE
# Why nobody knows. `unaffordable`: what its account has, or its caller allows, does not suffice for it.
FAILED, TIMEOUT, UNAFFORDED = "failed", "timeout", "unaffordable"
NOT_ASKED, NO_QUESTION = "not_asked", "no_question"
# After an approval it is not asked for again: somebody may have paid for the answer that did not come.
ASKED_IN_VAIN = frozenset({FAILED, TIMEOUT})


class Matching:
    """Of one attempt, used by its own thread."""

    def __init__(self, run: ClaimedRun, inputs: PromptInputs, *, process: WorkerProcess, beside: Beside) -> None:
        """Reads the intents. Raises DatabaseError."""
        self._run = run
        self._process = process
        self._beside = beside
        self._question = said(inputs.messages)
        # Begun at most once. With the target that it goes to.
        self._call: tuple[SmallCall, Target] | None = None
        self._is_begun = False
        self._expected = Decimal(0)
        self._note = NOT_ASKED
        asked = inputs.context.intents if inputs.context else ()
        try:
            self._intents = intent_queries.of_turn(asked, account_id=run.account_id)
            self._known: tuple[IntentMatch, ...] | None = intent_examples.matches(self._question, self._intents)
            if self._known is None and run.attempt > 1:
                self._take_over()
        finally:
            # None is held while the model answers.
            connection.close()

    def _take_over(self) -> None:
        """Raises DatabaseError."""
        found, note = intent_queries.found_before(account_id=self._run.account_id, run_id=self._run.pk)
        if found and all(one.is_satisfied is not None for one in found):
            self._known = found
        elif note in ASKED_IN_VAIN:
            self._is_begun, self._note = True, note

    def begin(self) -> None:
        """Once the run's own model is about to be asked: its answer comes first where money is short."""
        if self._is_begun or self._known is not None or not self._intents:
            return
        self._is_begun = True
        try:
            self._note = self._begin() if self._question else NO_QUESTION
        except UNAFFORDABLE:
            self._note = UNAFFORDED
        except (ParleyError, DatabaseError) as exc:
            # No price can be read, or INTENT_MODEL is no model here.
            log.warning("intents_not_asked", run_id=self._run.public_id, error=type(exc).__name__)
            self._note = FAILED
        finally:
            # Prices may have been read again. None is held while the model answers.
            connection.close()

    def _begin(self) -> str:
        """The note until there is an answer. Raises what the call is refused for."""
        run, process = self._run, self._process
        targets = routing.for_model(settings.INTENT_MODEL or run.model, operation=Operation.CHAT)
        routed = calls.target_of(targets, process.board, account_id=run.account_id)
        if routed is None:
            return FAILED
        target = routed.target
        request = ChatRequest(
            target.model,
            intent_questions.messages(self._question, self._intents),
            intent_questions.options(target),
        )
        call = SmallCall(request, routed, run=run, board=process.board, transport=process.http)
        most = intent_questions.most_tokens(target)
        self._expected = self._beside.expect(
            UsedBeside(target.vendor, target.model, call.prompt_tokens, output_tokens=most)
        )
        if call.begin():
            self._call = call, target
        return FAILED

    def end(self, *, is_wanted: bool) -> None:
        """Waits for what is still to come, not where nobody will see it, and counts what was used."""
        used = None
        if self._call is not None:
            call, target = self._call
            call.wait(is_wanted=is_wanted)
            self._known = None if call.text is None else intent_questions.read(call.text, self._intents)
            self._note = TIMEOUT if call.is_late else FAILED
            used = _used(target, call.usage)
        self._beside.came(used, expected=self._expected)
        self._call, self._expected = None, Decimal(0)

    @property
    def matches(self) -> tuple[IntentMatch, ...]:
        if self._known is not None:
            return self._known
        return tuple(IntentMatch(intent.id, intent.name, None) for intent in self._intents)

    @property
    def notes(self) -> Mapping[str, str]:
        return {} if self._known is not None or not self._intents else {NAME: self._note}


def _used(target: Target, usage: Usage | None) -> UsedBeside | None:
    if usage is None:
        return None
    return UsedBeside(target.vendor, target.model, usage.prompt_tokens, output_tokens=usage.completion_tokens)


def said(messages: Sequence[Message]) -> str:
    """What the visitor said last, without the material that was given beside it."""
    for message in reversed(messages):
        if message.role is Role.USER:
            texts = [part.text for part in message.parts if isinstance(part, TextPart)]
            return "\n".join(text.strip() for text in texts if text.strip() and not reference_texts.is_framed(text))
    return ""
