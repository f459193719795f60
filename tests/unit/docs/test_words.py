"""Names that were given up for the field's own terms do not come back: as identifiers, that is; prose may use them."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePosixPath
from typing import NamedTuple

import pytest

from tests.unit.docs import sources

VIEWS, ADMIN, RELAY = "conversations/views/*", "conversations/admin/*", "conversations/relay/*"
RUN_SERVICES, DIALECTS = "conversations/services/runs/*", "conversations/dialects/*"
SERVICES, WORKERS = "conversations/services/*", "conversations/workers/*"
DELIVERIES = (
    "conversations/*/webhooks/*",
    "conversations/webhooks/*",
    "conversations/rules/delivery_*",
    "conversations/rules/webhook*",
    "conversations/workers/deliver*",
    "conversations/resources*",
)
PROJECT = ("project/*", "tests/unit/project/*", "tests/integration/project/*")
ADMIN_TESTS = "tests/integration/conversations/admin/*"
FAULTS, MODEL, BENCH, JOURNEYS = "tests/faults/*", "tests/model/*", "tests/bench/*", "tests/journeys/*"


class Retired(NamedTuple):
    """`word` and `within` may hold `*`. Elsewhere than `within` the word may have a meaning of its own.

    A leading underscore makes no difference.
    """

    word: str
    instead: str
    within: tuple[str, ...] = ("*",)


RETIRED = (
    # Views
    Retired("Door", "BaseView"),
    Retired("TurnDoor", "RunView"),
    Retired("turn_door", "view"),
    Retired("ErrorWords", "ErrorRenderer"),
    Retired("WORDS", "ERROR_TABLE", ("conversations/dialects/*/errors.py",)),
    Retired("TurnRequest", "RunRequest"),
    Retired("AskedTurn", "ReplyContext"),
    Retired("OpenTurn", "RunResponse"),
    Retired("TurnReader", "RunEventReader"),
    Retired("blocking", "threadpool", (VIEWS,)),
    Retired("bodies", "request_body", (VIEWS,)),
    Retired("[Cc]onditions", "preconditions", (VIEWS, RUN_SERVICES)),
    Retired("forgetting", "erasure", ("conversations/*",)),
    Retired("stopping", "shutdown", (VIEWS,)),
    Retired("unknown", "not_found", (VIEWS,)),
    # Relay
    Retired("Together", "Batcher"),
    Retired("together", "batching", ("conversations/*",)),
    Retired("Place", "Cursor", (RELAY, VIEWS)),
    Retired("Quiet", "Idle"),
    Retired("witness*", "log_marker"),
    Retired("nudge*", "notify_readers"),
    Retired("seal*", "fence", (RELAY,)),
    Retired("LostLog", "RecoveredLog"),
    Retired("told_again", "replay", ("conversations/*",)),
    # Providers
    Retired("Line", "AbortHandle", ("providers/*",)),
    Retired("Wire", "AbortableStream", ("providers/*",)),
    Retired("Exchange", "AbortableBackend", ("providers/*",)),
    Retired("twin", "dup_socket", ("providers/*",)),
    Retired("hang_up", "abort", ("providers/*",)),
    Retired("speaking_on", "bound_to"),
    Retired("AllChoices", "FanOutCall"),
    Retired("Surroundings", "Runtime"),
    Retired("Complaint", "VendorError"),
    Retired("put", "encode", ("providers/protocols/*",)),
    Retired("our_errors", "map_httpx_errors", ("providers/*",)),
    Retired("Attempt", "HttpExchange", ("providers/*",)),
    Retired("Event", "StreamEvent", ("providers/*",)),
    # Services
    Retired("accepting", "accept", ("conversations/*", "tests/integration/conversations/*")),
    Retired("run_ends", "finish"),
    Retired("run_reports", "notify"),
    Retired("secret_box", "encryption"),
    Retired("continuing", "accept", ("conversations/*",)),
    Retired("Ending", "AttemptOutcome", ("conversations/*",)),
    Retired("Spent", "AttemptCost", ("conversations/*",)),
    Retired("Material", "PromptInputs", ("conversations/*",)),
    Retired("make_way", "resolve_conflict", ("conversations/*",)),
    # Deliveries. Their number of attempts is `attempts_made`, since `attempts` are the rows, as on a run.
    Retired("owe_*", "create_*", ("conversations/*",)),
    Retired("trim", "erase", (SERVICES, WORKERS)),
    Retired("tries", "schedule_step", DELIVERIES),
    Retired("tried", "attempts", DELIVERIES),
    Retired("receiver", "destination", ("conversations/*",)),
    Retired("rooms", "capacity", ("conversations/*",)),
    Retired("*unproven*", "slow_start", ("conversations/*",)),
    # Dialects
    Retired("wording", "shared", ("conversations/*",)),
    Retired("whole", "documents", (DIALECTS,)),
    Retired("bare_texts", "text_inputs", ("conversations/*",)),
    Retired("endings", "outcomes", (DIALECTS,)),
    # Admin
    Retired("desk", "base", (ADMIN, ADMIN_TESTS)),
    Retired("looks", "formatting", (ADMIN,)),
    Retired("judged", "checked", (ADMIN,)),
    Retired("Question", "Confirmation", (ADMIN,)),
    # Project
    Retired("mourn", "schedule_restart", PROJECT),
    Retired("urge", "escalate_stop", PROJECT),
    Retired("door", "listener", PROJECT),
    Retired("leftovers", "stale_files", PROJECT),
    # Tests
    Retired("making", "builders", ("tests/*",)),
    Retired("owing", "builders", ("tests/*",)),
    Retired("asking", "clients", (JOURNEYS, FAULTS, MODEL, BENCH)),
    Retired("chatting", "clients", (JOURNEYS, FAULTS, MODEL, BENCH)),
    Retired("[Gg]ate", "tcp_proxy", (FAULTS,)),
    Retired("wires", "wire_parsers", (FAULTS,)),
    Retired("Wire", "wire_parsers", (FAULTS,)),
    Retired("[Ss]tage", "environment", (FAULTS, BENCH)),
    Retired("GatedStage", "environment", (FAULTS,)),
    Retired("[Pp]lay", "scenario", (MODEL,)),
    Retired("[Tt]old", "logged", (FAULTS, MODEL)),
    Retired("[Pp]romise", "expectations", (FAULTS, MODEL)),
    Retired("[Pp]romises", "expectations", (FAULTS, MODEL)),
)


@pytest.mark.parametrize("retired", RETIRED, ids=lambda retired: retired.word)
def test_a_retired_word_names_nothing(retired: Retired) -> None:
    assert places(retired) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("line = 1", ["line"]),
        ("a.line()", ["line", "a"]),
        ("class Line: ...", ["Line"]),
        ("async def line(*, of=None): f(to=of)", ["line", "of", "f", "to", "of"]),
        ("from providers.line import Line as Handle", ["Handle", "Line"]),
        ("import providers.line", ["line"]),
        ("threading.Event()", ["threading"]),
        ("match x:\n case {'a': line, **rest}: ...", ["x", "rest", "line"]),
        ("try: ...\nexcept ValueError as line: ...", ["line", "ValueError"]),
        ("'line'  # line", []),
    ],
)
def test_finds_every_name_and_no_prose(code: str, expected: list[str]) -> None:
    assert sorted(name for name, _ in identifiers(ast.parse(code))) == sorted(expected)


def places(retired: Retired) -> list[str]:
    """Where the word is used, as `path:line`; a module of that name is at line 0."""
    return [
        f"{path}:{line}"
        for name, uses in all_names().items()
        if fnmatchcase(name.lstrip("_"), retired.word)
        for path, line in uses
        if any(fnmatchcase(path, pattern) for pattern in retired.within)
    ]


@cache
def all_names() -> Mapping[str, list[tuple[str, int]]]:
    """Of all modules, with the paths and lines where they are used."""
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for source in sources.python_files():
        found[PurePosixPath(source.path).stem].append((source.path, 0))
        for name, line in identifiers(source.tree):
            found[name].append((source.path, line))
    return found


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that the code gives or uses, with its line; of an imported module the last part."""
    for node in ast.walk(tree):
        for name in _names_of(node):
            yield name, getattr(node, "lineno", 0)


def _names_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="threading" | "asyncio")):
            return []  # The standard library's names are not ours.
        case ast.alias(name=name, asname=asname):
            return [name.rpartition(".")[2], *([asname] if asname else [])]
        case (
            ast.Name(id=str(name))
            | ast.Attribute(attr=str(name))
            | ast.arg(arg=str(name))
            | ast.keyword(arg=str(name))
            | ast.ExceptHandler(name=str(name))
            | ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.ClassDef(name=name)
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            return [name]
    return []
