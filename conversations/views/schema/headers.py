"""The response headers of every operation in the document: by its route and status, so that no route can forget any."""

from collections.abc import Iterator

from conversations.views.schema.answers import Json

TEXT: Json = {"type": "string"}
DIGITS: Json = {"type": "string", "pattern": "^[0-9]+$"}
OPENAI_PATHS = ("/v1/", "/openai/")
# As `answers` and `openai` name them: who takes these asks a model something, and may keep it in a conversation.
ASKS, KEEPS = "Idempotency-Key", "X-On-Busy"
OK, NOT_ALLOWED, CONFLICT, LIMITED, SERVER = 200, 405, 409, 429, 500


def _header(description: str, schema: Json = TEXT, *, is_always: bool = False) -> Json:
    return {"description": description, "schema": schema, **({"required": True} if is_always else {})}


COMPONENTS: dict[str, Json] = {
    "Allow": _header("The methods that are.", is_always=True),
    "Retry-After": _header("After how many seconds to come back, where that is known.", DIGITS),
    "retry-after-ms": _header("The same in milliseconds, and more exact.", DIGITS),
    "x-should-retry": _header("Tells an SDK not to repeat the request.", {"type": "string", "const": "false"}),
    "x-request-id": _header("Of this request.", is_always=True),
    "openai-version": _header("Of the API.", is_always=True),
    "openai-processing-ms": _header("How long the answer was waited for.", DIGITS, is_always=True),
    "X-Run-Id": _header("Where the run is looked at, stopped and picked up: `/api/v1/runs/{run_id}`.", is_always=True),
    "X-Conversation-Id": _header("The conversation that keeps the turn; none for what nothing stores."),
    "Idempotent-Replayed": _header(
        "The key was used before, and this is what came of it then.", {"type": "string", "const": "true"}
    ),
    "x-ratelimit-limit-requests": _header("Questions that the key may ask in a minute.", DIGITS),
    "x-ratelimit-remaining-requests": _header("How many it could ask now.", DIGITS),
    "x-ratelimit-reset-requests": _header("Until when it could ask all of them again: `17ms`, `1m0s`."),
}
LIMITS = tuple(name for name in COMPONENTS if name.startswith("x-ratelimit-"))


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
    if path.startswith(OPENAI_PATHS):
        yield from _of_openai(status)


def _of_openai(status: int) -> Iterator[str]:
    yield from ("x-request-id", "openai-version", "openai-processing-ms")
    if status in (CONFLICT, LIMITED) or status >= SERVER:
        yield from ("retry-after-ms", "x-should-retry")
