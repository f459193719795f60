"""One turn, prepared as it would be at this moment: its receipt, or what it would be refused with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from django.db import connection

from conversations import errors, routing
from conversations.errors import ParleyError
from conversations.queries.conversations import presets
from conversations.queries.conversations.presets import InUse
from conversations.queries.receipts import assemble, ended
from conversations.queries.receipts.assemble import Asked, Facts
from conversations.queries.tools import definitions
from conversations.receipts.messages import Line
from conversations.routing.targets import RoutedTarget
from conversations.rules import routing as routing_rules
from conversations.rules.generation import answer_forms, preset_options
from conversations.rules.routing import Candidate
from conversations.rules.runs import tool_calls
from conversations.services.accounts import quotas
from conversations.services.runs import accept
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.dry_requests import DryRequest
from conversations.services.runs.records import PromptInputs
from conversations.services.runs.tools import asked as tools_asked
from conversations.values.context.receipts import PresetUsed, Receipt
from conversations.values.context.sources import Gathered
from conversations.values.money import Terms
from conversations.values.requests import Operation, ReferenceKind, RunRequest
from conversations.workers.dry_runs import trial_money
from conversations.workers.runs import history as histories
from conversations.workers.runs import prompts
from conversations.workers.runs.budget import UNAFFORDABLE, Budget
from conversations.workers.runs.context import gather, kept
from conversations.workers.runs.context.turn import DRY_RUN, Beside
from conversations.workers.runs.history import History
from conversations.workers.runs.intents import matching
from conversations.workers.runs.process import RunHandle, WorkerProcess
from conversations.workers.runs.prompts import Prompt
from conversations.workers.runs.tools.loop import Toolbox
from providers import tokens

# No run of the database has it.
NO_RUN = 0
MESSAGES_SHOWN = 200


class Trial:
    """One turn, as it would be prepared at this moment. Used by one thread."""

    def __init__(self, dry_run_id: str, asked: DryRequest, process: WorkerProcess, handle: RunHandle) -> None:
        self._id = dry_run_id
        self._asked = asked
        self._process = process
        self._handle = handle

    def receipt(self) -> Receipt:
        """Raises what the turn would be refused with, and CallAborted when nobody waits any more."""
        in_use = self._in_use(self._asked.request)
        request, newest = self._continued(self._asked.request, in_use)
        terms = trial_money.terms(self._asked, request)
        run = self._run(request, in_use, terms)
        inputs = _inputs(request, in_use)
        history = histories.shown(self._history(run, newest), inputs)
        # None is held while files are read.
        connection.close()
        targets = routing.for_model(request.model, operation=request.operation)
        budget = None if terms is None else Budget(run, terms)
        gathered = self._gathered(run, inputs, history, targets, budget)
        if gathered is not None and gathered.answer is not None:
            base = self._base(request, in_use, budget)
            return replace(base, notes={**base.notes, **gathered.notes, ended.NOTE: ended.NOT_ASKED})
        build = partial(
            prompts.build,
            inputs=inputs,
            history=history,
            preset_text=run.preset_text,
            gathered=gathered,
            options=self._options(inputs),
        )
        routed, prompt, options = self._begun(targets, build, budget)
        kept_of_it = kept.of(
            prompt,
            history=history,
            target=routed.target,
            gathered=gathered,
            answer_limit=budget.answer_limit if budget else None,
        )
        facts = Facts(
            base=_asked_of(routed, self._base(request, in_use, budget)),
            account_id=self._asked.account_id,
            conversation_key=in_use.key,
            newest=newest,
            own=[Line(None, tokens.estimate_message(message), message) for message in inputs.messages],
            preset_text=run.preset_text,
            options=options,
            texts=inputs.prompt,
            sources=prompt.sources,
            kept=kept_of_it,
        )
        return assemble.receipt(facts, Asked(MESSAGES_SHOWN))

    def _gathered(
        self,
        run: ClaimedRun,
        inputs: PromptInputs,
        history: History,
        targets: Sequence[RoutedTarget],
        budget: Budget | None,
    ) -> Gathered | None:
        return gather.gather(
            run,
            inputs=inputs,
            history=history,
            targets=targets,
            process=self._process,
            handle=self._handle,
            beside=Beside(budget),
        )

    def _in_use(self, request: RunRequest) -> InUse:
        """Raises ConversationDeleted, QuotaExceeded, and InvalidRequest for tools that the turn cannot have."""
        tools_asked.check(request, account_id=self._asked.account_id)
        found = presets.in_use(
            account_id=self._asked.account_id,
            preset=request.preset,
            conversation_id=request.conversation_id if request.is_stored else None,
        )
        if found.is_deleted:
            raise errors.ConversationDeleted
        if request.is_stored and found.key is None and not self._asked.may_begin_conversations:
            quotas.check_known_conversation(account_id=self._asked.account_id, conversation_id=request.conversation_id)
        return found

    def _continued(self, request: RunRequest, in_use: InUse) -> tuple[RunRequest, int | None]:
        """The request without what its conversation has, and the message that it follows. Raises InvalidRequest."""
        known = accept.recognised(request, account_id=self._asked.account_id) if in_use.key else None
        if known is None:
            return request, in_use.head
        return accept.without_known(request, known), known.after or in_use.head

    def _run(self, request: RunRequest, in_use: InUse, terms: Terms | None) -> ClaimedRun:
        """As a claim would have it, of no row."""
        return ClaimedRun(
            pk=NO_RUN,
            public_id=self._id,
            channel="",
            account_id=self._asked.account_id,
            attempt=1,
            attempts_lost=0,
            dialect=request.dialect,
            model=request.model,
            context_window=routing.context_window(request.model, operation=request.operation),
            preset_text=answer_forms.told(in_use.text, request.answer_form)
            if request.operation is Operation.CHAT
            else "",
            is_streamed=False,
            conversation_id=in_use.key,
            needs_report=False,
            request_json="",
            messages_json="[]",
            parameters_json="{}",
            history_json="[]",
            terms=terms,
            is_dry=True,
        )

    def _history(self, run: ClaimedRun, newest: int | None) -> History:
        if run.conversation_id is None or newest is None:
            return History()
        return histories.up_to(
            newest, account_id=run.account_id, conversation_id=run.conversation_id, budget=run.context_window
        )

    def _options(self, inputs: PromptInputs) -> Mapping[str, Any]:
        """With the account's tools that the turn names. Of an MCP server those that it listed last: none is asked.

        Raises InvalidRequest that names a tool which is not there.
        """
        named = inputs.context.tools if inputs.context else ()
        if not named:
            return inputs.options
        tool_calls.check_choices(inputs.options)
        own = definitions.load(account_id=self._asked.account_id, ids=named, param="tools", now=datetime.now(UTC))
        connection.close()
        return Toolbox.of(own.tools, inputs.options).offered(is_first=True, may_call=True)

    def _begun(
        self, targets: Sequence[RoutedTarget], build: "partial[Prompt]", budget: Budget | None
    ) -> tuple[RoutedTarget, Prompt, Mapping[str, Any]]:
        """The target that would most likely be asked first, with what. Raises what the turn would end with."""
        left = list(targets if budget is None else budget.affordable(targets, lambda target: build(target=target)))
        refusal: ParleyError | None = None
        while left:
            routed = left.pop(self._first(left))
            prompt = build(target=routed.target)
            try:
                request = prompt.request if budget is None else budget.begin(routed.target, prompt)
            except UNAFFORDABLE as exc:
                refusal = refusal or exc
            else:
                return routed, prompt, request.options
        raise refusal or errors.InternalError

    def _first(self, targets: Sequence[RoutedTarget]) -> int:
        outs = [self._process.board.out_until(routed, self._asked.account_id) for routed in targets]
        candidates = [Candidate(to.priority, to.weight, out) for to, out in zip(targets, outs, strict=True)]
        return routing_rules.choose(candidates, chance=0.0)

    def _base(self, request: RunRequest, in_use: InUse, budget: Budget | None) -> Receipt:
        return Receipt(
            model=request.model,
            operation=request.operation.value,
            conversation=request.conversation_id if in_use.key else None,
            preset=PresetUsed(0, in_use.name, in_use.version),
            is_dry_run=True,
            beside_active_run=in_use.is_busy,
            reserve=trial_money.reserve(budget),
            notes={matching.NAME: DRY_RUN} if request.context and request.context.intents else {},
        )


def _asked_of(routed: RoutedTarget, base: Receipt) -> Receipt:
    return replace(base, target=routed.name, context_window=routed.target.context_window)


def _inputs(request: RunRequest, in_use: InUse) -> PromptInputs:
    return PromptInputs(
        messages=request.messages,
        options=preset_options.with_own(
            preset_options.usable(orjson.dumps(in_use.parameters).decode()), request.options
        ),
        operation=request.operation,
        prompt=tuple(request.prompt or ()),
        context=request.context,
        skipped=request.skipped,
        links=tuple(at for at, given in enumerate(request.references) if given.kind is not ReferenceKind.TEXT),
        history_most=request.history_most,
        answer_form=request.answer_form,
    )
