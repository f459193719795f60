"""Tools of accounts, and the steps and calls of runs whose models called them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from conversations.models import McpServer, RunStep, Tool, ToolCall
from conversations.services.sample_data import proportions
from conversations.services.sample_data.copying import copy_rows, timed
from conversations.services.sample_data.owners import Owner
from conversations.services.sample_data.runs import NewRun
from conversations.services.sample_data.texts import dumps
from conversations.services.sample_data.wave import Wave
from conversations.values.tool_calls import ToolCallStatus
from conversations.values.tools import ArgumentsIn
from providers import serialization
from providers.messages import TextPart, Usage

NAMES = ("look_up", "order_state", "book")
SERVER_NAME = "catalogue"
# The top-level domain that never resolves (RFC 2606): nothing is ever sent.
URL = "https://tools.invalid/{}"
PARAMETERS = {"type": "object", "properties": {"number": {"type": "integer"}}}
STEPS, CALLS = (1, 3), (1, 2)
SECONDS = (0.05, 1.5)


def make(owners: Sequence[Owner], *, random: Random, begin: datetime) -> None:
    """For those that have none."""
    for owner in owners:
        own = Tool.objects.for_account(owner.pk)
        if not own.exists():
            copy_rows(Tool, [_tool(owner, name, random=random, begin=begin) for name in NAMES])
            copy_rows(McpServer, [_server(owner, random=random, begin=begin)])
        owner.tools = list(own.order_by("pk").values_list("public_id", "name")[: len(NAMES)])


def _tool(owner: Owner, name: str, *, random: Random, begin: datetime) -> dict[str, Any]:
    return {
        **_asked_at(owner, name, begin),
        "public_id": timed("tool", begin, random),
        "description": f"What {name} is for.",
        "parameters": dumps(PARAMETERS),
        "method": Tool.Method.POST.value,
        "arguments_in": ArgumentsIn.BODY.value,
    }


def _server(owner: Owner, *, random: Random, begin: datetime) -> dict[str, Any]:
    return {**_asked_at(owner, SERVER_NAME, begin), "public_id": timed("mcp", begin, random), "tools": "[]"}


def _asked_at(owner: Owner, name: str, begin: datetime) -> dict[str, Any]:
    about = {"account_id": owner.pk, "name": name, "url": URL.format(name), "header_names": "[]"}
    return {**about, "created_at": begin, "changed_at": begin}


def add_steps(wave: Wave, run: NewRun, tools: Sequence[tuple[str, str]]) -> None:
    """Of a run that has an answer: its model has called some of the tools before it gave that."""
    random = wave.source.context_random
    parts = dumps(serialization.dump_parts((TextPart("Let me look that up."),)))
    for number in range(1, random.randint(*STEPS) + 1):
        step = {
            "account_id": run.account_id,
            "run_id": run.pk,
            "number": number,
            "attempt": 1 + run.is_retried,
            "parts": parts,
            "usage": dumps(serialization.dump_usage(Usage(random.randint(200, 2_000), 40))),
            "target": run.request.model,
            "is_stored": run.request.is_stored,
            "created_at": run.times.first_token_at,
        }
        wave.rows[RunStep].append(step)
        wave.rows[ToolCall] += _calls(run, number, tools, random)


def _calls(run: NewRun, step: int, tools: Sequence[tuple[str, str]], random: Random) -> Iterator[dict[str, Any]]:
    for index in range(random.randint(*CALLS)):
        tool_id, name = random.choice(tools)
        has_failed = random.random() < proportions.FAILED_CALL_SHARE
        status = ToolCallStatus.FAILED if has_failed else ToolCallStatus.DONE
        yield {
            "account_id": run.account_id,
            "run_id": run.pk,
            "step": step,
            "index": index,
            "call_id": f"call_{random.getrandbits(64):016x}",
            "tool_id": tool_id,
            "name": name,
            "arguments": dumps({"number": random.randint(1, 9_999)}),
            "status": status.value,
            "result": "The tool answered with status 500." if has_failed else dumps({"state": "sent", "step": step}),
            "is_error": has_failed,
            "http_status": 500 if has_failed else 200,
            "started_at": run.times.first_token_at,
            "seconds": random.uniform(*SECONDS),
            "created_at": run.times.first_token_at + timedelta(milliseconds=index),
        }
