"""Tools and MCP servers, made through the services."""

from collections.abc import Callable
from typing import Any

from conversations.models import Account, McpServer, Run, Tool
from conversations.outbound.guard import CheckedUrl
from conversations.services.runs import finish
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.tools import pausing, steps
from conversations.services.runs.tools.pausing import PauseOutcome
from conversations.services.tools import mcp_servers, tools
from conversations.services.tools.rows import Fields
from conversations.services.tools.tools import ToolFields
from conversations.values.runs import RunStatus
from conversations.values.tool_calls import CallEnd, CallRecord, StepRecord, ToolCallStatus
from conversations.values.tools import ToolOutcome
from providers.messages import TextPart
from tests.builders import runs

URL = "https://api.example/do"
# Of one of the two.
Make = Callable[..., Tool | McpServer]


def tool(owner: Account, name: str = "do", *, url: str = URL, **fields: Any) -> Tool:
    return tools.create(account_id=owner.pk, fields=ToolFields(name=name, url=CheckedUrl(url), **fields))


def mcp_server(owner: Account, name: str = "files", *, url: str = URL, **fields: Any) -> McpServer:
    return mcp_servers.create(account_id=owner.pk, fields=Fields(name=name, url=CheckedUrl(url), **fields))


def called(owner: Account, text: str = "Done.", **more: Any) -> Run:
    """A run that has ended, whose model called a tool first: what it said, sent and was told is `text`."""
    run = _with_step(owner, text, needs_approval=False, **more)
    ended = CallEnd(0, ToolCallStatus.DONE, ToolOutcome(text))
    assert steps.end(run=run, number=1, ended=[ended])
    assert finish.finish(run=run, report=runs.report(text))
    return Run.objects.get(pk=run.pk)


def paused(owner: Account, text: str = "May I?", **more: Any) -> Run:
    """A run that waits for an approval."""
    run = _with_step(owner, text, needs_approval=True, **more)
    report = runs.report(text, status=RunStatus.REQUIRES_ACTION)
    assert pausing.pause(run=run, report=report) is PauseOutcome.PAUSED
    return Run.objects.get(pk=run.pk)


def _with_step(owner: Account, text: str, *, needs_approval: bool, **more: Any) -> ClaimedRun:
    run = runs.claim(runs.start(owner, **more))
    call = CallRecord(0, "call_1", "tool_1", "send", text, needs_approval=needs_approval)
    assert steps.add(run=run, step=StepRecord(1, 1, (TextPart(text),), (call,)))
    return run
