"""What the answer of a turn is rendered with: its context, and the events of its run."""

from collections.abc import Iterable
from typing import Any

from conversations.values.runs import ReplyContext, RunEnded, RunEvent, RunStatus
from providers.messages import Usage

# 2023-11-14T22:13:20.256Z
RUN_ID = "run_018bcfe56900ffffffffffffffffffff"
ID, CREATED = "chatcmpl-018bcfe56900ffffffffffffffffffff", 1_700_000_000
USAGE = Usage(9, 12, {"cached_tokens": 4}, {"reasoning_tokens": 5})
COMPLETED = RunEnded(RunStatus.COMPLETED, usage=USAGE)
FAILED = RunEnded(RunStatus.FAILED, error_code="upstream_failed", error_message="It broke.")
CANCELLED = RunEnded(RunStatus.CANCELLED, error_code="run_cancelled")
INCOMPLETE = RunEnded(RunStatus.INCOMPLETE, error_code="deadline_exceeded")


def context(**reply: Any) -> ReplyContext:
    return ReplyContext(run_id=RUN_ID, conversation_id="", is_stored=False, model="gpt-4o", trace_id="t-1", reply=reply)


def run(events: Iterable[Any], ended: RunEnded = COMPLETED) -> list[RunEvent]:
    """The events of one attempt and its end, numbered."""
    return [RunEvent(position, event) for position, event in enumerate([*events, ended], start=1)]
