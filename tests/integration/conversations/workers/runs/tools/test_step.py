"""A step of an earlier attempt, taken up with the tools that there are now."""

from collections.abc import Sequence

import pytest

from conversations.models import Account, ToolCall
from conversations.queries import steps as step_queries
from conversations.services.runs.claim import ClaimedRun
from conversations.services.runs.tools import steps
from conversations.shares import SharedThreads
from conversations.values.tool_calls import CallRecord, StepRecord, ToolCallStatus
from conversations.values.tools import McpEndpoint, ToolDefinition, ToolOutcome
from conversations.workers.runs.process import RunHandle
from conversations.workers.runs.tools.calls import ToolCalls
from conversations.workers.runs.tools.step import GONE, Steps
from conversations.workers.runs.tools.store import StepStore
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


def listed(server: str, remote_name: str) -> ToolDefinition:
    endpoint = McpEndpoint("http://mcp.example/mcp", remote_name)
    return ToolDefinition(1, server, "search", "", {}, endpoint, needs_approval=True)


def taken_up(owner: Account, call: CallRecord, tool: ToolDefinition) -> tuple[CallRecord, Sequence[ToolDefinition]]:
    """What becomes of the call where its name is this tool's, and which tools were called."""
    run: ClaimedRun = builders.runs.claim(builders.runs.start(owner, conversation_id="a"))
    assert steps.add(run=run, step=StepRecord(1, 1, (), (call,)))
    called: list[ToolDefinition] = []

    def make(made: ToolDefinition, _: object, *, seconds: float) -> ToolOutcome:
        called.append(made)
        return ToolOutcome(f"found in {seconds > 0}")

    handle = RunHandle(run_id=run.pk, deadline=float("inf"))
    own = Steps(
        tools={tool.name: tool},
        calls=ToolCalls(call=make, threads=SharedThreads(128, name="tool-call"), handle=handle, run_id=run.public_id),
        store=StepStore(run, handle),
        why_not_wait=lambda: "",
    )
    (step,) = step_queries.of_run(account_id=owner.pk, run_id=run.pk)
    return own.take_up(step, seconds=60).calls[0], called


@pytest.mark.parametrize("tool", [listed("mcp_2", "search"), listed("mcp_1", "sea.rch")], ids=["server", "tool"])
def test_a_call_is_not_made_of_another_tool_that_has_its_name_by_now(ann: Account, tool: ToolDefinition) -> None:
    approved = CallRecord(
        0, "c", "mcp_1", "search", "{}", ToolCallStatus.APPROVED, needs_approval=True, remote_name="search"
    )

    call, called = taken_up(ann, approved, tool)

    assert (call.status, call.result, called) == (ToolCallStatus.FAILED, GONE, [])
    assert ToolCall.objects.get().status == "failed"


def test_a_call_of_the_same_tool_is_made(ann: Account) -> None:
    tool = listed("mcp_1", "search")
    approved = CallRecord(
        0, "c", "mcp_1", "search", "{}", ToolCallStatus.APPROVED, needs_approval=True, remote_name="search"
    )

    call, called = taken_up(ann, approved, tool)

    assert (call.status, called) == (ToolCallStatus.DONE, [tool])
