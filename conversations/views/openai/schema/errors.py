"""What every route of `/v1` answers with, in the document: the error body, and the headers of docs/contract C.6."""

from collections.abc import Iterator

from conversations.views.schema import response_headers
from conversations.views.schema.components import error_body
from conversations.views.schema.response_headers import CONFLICT, DIGITS, LIMITED, SERVER, header

OPENAI_ERROR = error_body(
    "OpenAIError",
    {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]},
                },
            },
        },
    },
)
HEADERS = {
    "retry-after-ms": header("The same in milliseconds, and more exact.", DIGITS),
    "x-should-retry": header("Tells an SDK not to repeat the request.", {"type": "string", "const": "false"}),
    "x-request-id": header("Of this request.", is_always=True),
    "openai-version": header("Of the API.", is_always=True),
    "openai-processing-ms": header("How long the answer was waited for.", DIGITS, is_always=True),
}


def names(status: int) -> Iterator[str]:
    yield from ("x-request-id", "openai-version", "openai-processing-ms")
    if status in (CONFLICT, LIMITED) or status >= SERVER:
        yield from ("retry-after-ms", "x-should-retry")


response_headers.register(tag="openai", headers=HEADERS, names=names)
