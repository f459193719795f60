"""Public ids: a prefix that tells the kind, then a part that sorts by time and cannot be guessed."""

import secrets
import time
import uuid

RANDOM_BYTES = 10
TIME_DIGITS, TIME_BASE, MILLISECONDS = 12, 16, 1000


def _timed(prefix: str) -> str:
    return f"{prefix}_{time.time_ns() // 1_000_000:0{TIME_DIGITS}x}{secrets.token_hex(RANDOM_BYTES)}"


def new_account_id() -> str:
    return _timed("acc")


def new_message_id() -> str:
    return _timed("msg")


def new_run_id() -> str:
    return _timed("run")


def new_event_id() -> str:
    return _timed("evt")


def new_endpoint_id() -> str:
    return _timed("whe")


def new_delivery_id() -> str:
    return _timed("dlv")


def new_erasure_id() -> str:
    return _timed("era")


def new_knowledge_base_id() -> str:
    return _timed("kb")


def new_document_id() -> str:
    return _timed("doc")


def new_key_id() -> str:
    return _timed("key")


def new_tool_id() -> str:
    return _timed("tool")


def new_assistant_id() -> str:
    return _timed("asst")


def new_intent_id() -> str:
    return _timed("intent")


def new_visitor_id() -> str:
    return _timed("vis")


def new_mcp_server_id() -> str:
    return _timed("mcp")


def new_client_token_id() -> str:
    return _timed("tok")


def new_conversation_id() -> str:
    """A version 4 UUID: what clients of `/aichat` expect (docs/contract A.3)."""
    return str(uuid.uuid4())


def unix_seconds(timed_id: str) -> int:
    """When an id was given out, to the second; 0 for one that says no time."""
    try:
        return int(unprefixed(timed_id)[:TIME_DIGITS], TIME_BASE) // MILLISECONDS
    except ValueError:
        return 0


def unprefixed(public_id: str) -> str:
    return public_id.partition("_")[2]


def as_uuid(timed_id: str) -> str:
    """The id in the form of a UUID, without its prefix: as long as one, and as unique."""
    return str(uuid.UUID(hex=unprefixed(timed_id)))
