"""One attempt to answer a claimed run, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from conversations.relay import codec
from conversations.relay.publish import LiveLog
from conversations.rules.money import usage_sums
from conversations.rules.runs.run_states import AttemptEnd
from conversations.services.runs.claim import ClaimedRun
from conversations.values.assistants import IntentMatch
from conversations.values.context.receipts import KeptContext
from conversations.values.context.sources import Source
from conversations.values.money import Bill
from conversations.values.runs import Move
from conversations.values.tool_calls import RequiredCall
from conversations.workers.runs.budget import Budget
from providers import tokens
from providers.assembly import Answer, Assembler
from providers.messages import Usage, UsedBeside

# xAI counts with every piece of an answer; others say one number at its beginning, which is far less than came since.
COUNTED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which worker answers which run, and the log that the run's readers follow."""

    run: ClaimedRun
    worker_name: str
    live_log: LiveLog


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What an attempt brought, all that is needed to settle it.

    `draft` is the answer so far; its texts are joined only when it is written, since few large ones may be in memory at
    once. `answer_bytes` is its size as JSON. `prompt_tokens` is the estimate of what was sent, None when nothing was;
    `prompts_sent` is how often; `has_sent_prompt` is false when no vendor has it, or all have failed with it.
    `usage_so_far` is a count of the vendor's that may be of less than came.
    `first_token_at` is of this process's `time.monotonic()`. `target` is the name of the target asked last, "" when
    none was; `moves` are those that failed. `budget` is None unless the run is metered or limited in its cost.
    `sources` are those that the model was shown, `notes` why others were not found (`Gathered.notes`), and which limit
    of its tools was reached. `kept` is what the run's row keeps of the prompt that was sent last.

    Of a run whose model called tools of ours, `draft` is the answer of all its calls together. `asked` is the answer of
    the call that was broken off, if any was; `used` is what the others of this attempt used. Of earlier attempts whose
    answers this one went on from, `taken_over` is what nobody has paid yet, and `used_before` what was paid when the
    run began to wait. `beside` is what was used besides all these calls, as far as none of them has it. `required` is
    what somebody has to agree to before the run goes on. `intents` are those that the turn asked for.
    """

    end: AttemptEnd
    draft: Assembler
    answer_bytes: int
    is_published: bool
    log_shape: Sequence[codec.Shape]
    prompt_tokens: int | None
    first_token_at: float | None
    upstream_request_id: str
    upstream_calls: int
    target: str = ""
    moves: Sequence[Move] = ()
    budget: Budget | None = None
    prompts_sent: int = 1
    has_sent_prompt: bool = False
    usage_so_far: Usage | None = None
    sources: tuple[Source, ...] = ()
    notes: Mapping[str, str] | None = None
    required: tuple[RequiredCall, ...] = ()
    asked: Assembler | None = None
    used: tuple[Usage, ...] = ()
    taken_over: tuple[Usage, ...] = ()
    used_before: tuple[Usage, ...] = ()
    kept: KeptContext | None = None
    beside: tuple[UsedBeside, ...] = ()
    intents: tuple[IntentMatch, ...] = ()

    def bill(self, usage: Usage | None) -> Bill | None:
        """What a metered account pays; None for nothing."""
        return None if self.budget is None else self.budget.bill(usage)

    def usage(self, answers: Sequence[Answer]) -> Usage | None:
        """What its end has to be paid for. As the vendor reported it, else as it had counted by then, else estimated.

        Where no output came, None. But a metered account pays for the prompt that its vendor has read: else long
        questions could be sent to vendors, and each stopped at once, for nothing.
        """
        found = self._of_calls(answers)
        return usage_sums.with_beside(found, self.beside) if self.beside else found

    def usage_put_back(self, answers: Sequence[Answer]) -> Usage | None:
        """As `usage`, of what no step has: the attempt that goes on from the steps takes over theirs."""
        return replace(self, used=(), taken_over=()).usage(answers)

    def _of_calls(self, answers: Sequence[Answer]) -> Usage | None:
        used = (*self.taken_over, *self.used)
        if not used:
            return self._of_call(answers) if self.asked is None else self._of_broken_off(self.asked)
        last = self._of_broken_off(self.asked) if self.asked is not None else None
        return usage_sums.total((*used, *(() if last is None else (last,))))

    def whole_usage(self, usage: Usage | None) -> Usage | None:
        """Of the whole run. `usage`: of this attempt."""
        if not self.used_before:
            return usage
        return usage_sums.total((*self.used_before, *(() if usage is None else (usage,))))

    def _of_broken_off(self, asked: Assembler) -> Usage | None:
        return replace(self, draft=asked, asked=None)._of_call(asked.answers())

    def _of_call(self, answers: Sequence[Answer]) -> Usage | None:
        if self.draft.usage is not None:
            return self.draft.usage
        if self.prompt_tokens is None or not (self.draft.has_output or self._is_prompt_paid):
            return None
        written = sum(tokens.estimate_parts(answer.parts) for answer in answers)
        counted = self.usage_so_far
        if counted is not None and counted.completion_tokens >= written * COUNTED_SHARE:
            return counted
        last = Usage(self.prompt_tokens, written, source="estimated")
        if self.prompts_sent <= 1:
            return last
        earlier = (Usage(self.prompt_tokens, 0, source="estimated"),) * (self.prompts_sent - 1)
        return replace(last, prompt_tokens=self.prompt_tokens * self.prompts_sent, of_calls=(*earlier, last))

    @property
    def _is_prompt_paid(self) -> bool:
        return self.has_sent_prompt and self.budget is not None and self.budget.is_metered
