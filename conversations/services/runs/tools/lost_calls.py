"""Calls of tools that nobody ends any more: their process died while it made them, or their run was stopped meanwhile.

A call belongs to its run's attempt for as long as the run is active. One that a web process makes (`executions`) begins
when its run has ended; its process gives up long before it counts as lost. A late end is written all the same.
"""

from collections.abc import Collection
from datetime import timedelta

from django.db.models.functions import Now

from conversations.models import ToolCall
from conversations.services import one_by_one
from conversations.values.tool_calls import UNKNOWN_RESULT, ToolCallStatus

# Behind the longest call that a web process makes (views/tool_calls.py), with all that it waits for.
LOST_AFTER = timedelta(seconds=90)
RUNNING = ToolCallStatus.RUNNING.value


def end(*, most: int) -> None:
    """Of `most` of them nobody knows whether they were carried out: they are not made again."""
    long_ago = ToolCall.objects.filter(status=RUNNING, started_at__lt=Now() - LOST_AFTER)
    lost = long_ago.filter(run__finished_at__isnull=False).order_by("started_at")
    one_by_one.bulk_or_halves("end_lost_call", list(lost.values_list("pk", flat=True)[:most]), _end)


def _end(pks: Collection[int]) -> None:
    # Not one that has ended meanwhile.
    running = ToolCall.objects.filter(pk__in=pks, status=RUNNING)
    running.update(status=ToolCallStatus.UNKNOWN.value, result=UNKNOWN_RESULT, is_error=True)
