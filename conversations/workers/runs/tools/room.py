"""What a worker process calls tools with: made with the first run that uses any."""

from dataclasses import dataclass
from functools import cache

from django.conf import settings

from conversations.shares import SharedThreads
from conversations.tools.callers import Callers

# A run that is stopped leaves its calls to their timeouts.
CALLS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class ToolRoom:
    callers: Callers
    threads: SharedThreads


@cache
def of_process() -> ToolRoom:
    callers = Callers(allow=settings.OUTBOUND_ALLOW, at_once=CALLS_AT_ONCE)
    return ToolRoom(callers, SharedThreads(CALLS_AT_ONCE, name="tool-call"))
