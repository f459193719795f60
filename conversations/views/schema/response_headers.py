"""The response headers of every operation in the document: by its route and status, so that no route can forget any."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from conversations.views.schema.components import Json

TEXT: Json = {"type": "string"}
DIGITS: Json = {"type": "string", "pattern": "^[0-9]+$"}
# An operation that takes the first header asks a model; one that takes the second may keep a conversation.
ASKS, KEEPS = "Idempotency-Key", "X-On-Busy"
OK, NOT_ALLOWED, CONFLICT, LIMITED, SERVER = 200, 405, 409, 429, 500


def header(description: str, schema: Json = TEXT, *, is_always: bool = False) -> Json:
    return {"description": description, "schema": schema, **({"required": True} if is_always else {})}


COMPONENTS: dict[str, Json] = {
    "Allow": header("The methods that are.", is_always=True),
    "Retry-After": header("After how many seconds to come back, where that is known.", DIGITS),
    "X-Run-Id": header(
        "Where the run is looked at, stopped and picked up: `/api/v1/runs/{run_id}`. A dry run has none."
    ),
    "X-Conversation-Id": header("The conversation that keeps the turn; none for what nothing stores."),
    "Idempotent-Replayed": header(
        "The key was used before, and this is what came of it then.", {"type": "string", "const": "true"}
    ),
    "x-ratelimit-limit-requests": header("Questions that the key may ask in a minute.", DIGITS),
    "x-ratelimit-remaining-requests": header("How many it could ask now.", DIGITS),
    "x-ratelimit-reset-requests": header("Until when it could ask all of them again: `17ms`, `1m0s`."),
    "x-ratelimit-limit-tokens": header("Tokens that the key may use in a minute, if they are limited.", DIGITS),
    "x-ratelimit-remaining-tokens": header("How many it could use now.", DIGITS),
    "x-ratelimit-reset-tokens": header("Until when it could use all of them again."),
}

LIMITS = tuple(name for name in COMPONENTS if name.startswith("x-ratelimit-"))


@dataclass(frozen=True, slots=True)
class FamilyHeaders:
    """The headers of a family's own, by the status of the response. Its operations have the tag."""

    tag: str
    names: Callable[[int], Iterable[str]]


FAMILIES: list[FamilyHeaders] = []


def register(*, tag: str, headers: Mapping[str, Json], names: Callable[[int], Iterable[str]]) -> None:
    """Gives the responses of all operations with the tag the headers that `names` tells for their status."""
    COMPONENTS.update(headers)
    FAMILIES.append(FamilyHeaders(tag, names))


def add(document: Json) -> None:
    document["components"]["headers"] = COMPONENTS
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if names := [*_names(path, operation, int(status))]:
                    response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _names(path: str, operation: Json, status: int) -> Iterator[str]:
    taken = {parameter["name"] for parameter in operation.get("parameters", ())}
    asks, is_stream = ASKS in taken, path.endswith("/stream")
    if status == NOT_ALLOWED:
        yield "Allow"
    elif asks:
        yield from LIMITS
    if status == OK and (asks or is_stream):
        yield "X-Run-Id"
    if status == OK and (KEEPS in taken or is_stream):
        yield "X-Conversation-Id"
    if status == OK and asks:
        yield "Idempotent-Replayed"
    if status == LIMITED or (asks and status >= SERVER):
        yield "Retry-After"
    for family in FAMILIES:
        if family.tag in operation["tags"]:
            yield from family.names(status)
