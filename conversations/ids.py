"""Public ids: a prefix that tells the kind, then a part that sorts by time and cannot be guessed."""

import secrets
import time
import uuid

RANDOM_BYTES = 10


def _timed(prefix: str) -> str:
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(RANDOM_BYTES)}"


def new_account_id() -> str:
    return _timed("acc")


def new_message_id() -> str:
    return _timed("msg")


def new_run_id() -> str:
    return _timed("run")


def new_conversation_id() -> str:
    """A version 4 UUID: what clients of `/aichat` expect (api-contract.md A.3)."""
    return str(uuid.uuid4())
