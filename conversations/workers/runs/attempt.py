"""One attempt to answer a claimed run, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from conversations.relay import codec
from conversations.relay.publish import LiveLog
from conversations.rules.runs.run_states import AttemptEnd
from conversations.services.runs.claim import ClaimedRun
from providers import tokens
from providers.assembly import Answer, Assembler
from providers.messages import Usage


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
    once. `answer_bytes` is its size as JSON. `prompt_tokens` is the estimate of what was sent, None when nothing was.
    `first_token_at` is of this process's `time.monotonic()`.
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

    def usage(self, answers: Sequence[Answer]) -> Usage | None:
        """As the vendor reported it, else estimated; None for an attempt that brought no output."""
        if self.draft.usage is not None:
            return self.draft.usage
        if not self.draft.has_output or self.prompt_tokens is None:
            return None
        written = sum(tokens.estimate_parts(answer.parts) for answer in answers)
        return Usage(self.prompt_tokens, written, source="estimated")
