"""What an API key is: a random bearer secret, known to the database by its hash and to people by its first letters."""

import hashlib
import secrets

PREFIX = "sk-"
RANDOM_BYTES = 32
SHOWN_CHARS = 8
# Of a short key that an operator chose, less is shown: never more than this part of it.
SHOWN_PART = 4
GIVEN_MIN_CHARS = 20
GIVEN_MAX_CHARS = 1_000


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def hash_key(key: str) -> bytes:
    """SHA-256, without salt or stretching: keys are random, and every request looks one up. Any text has one."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def prefix(key: str) -> str:
    """To tell keys apart in a list, too little to guess one from."""
    return key[: min(SHOWN_CHARS, len(key) // SHOWN_PART)]


def problem(key: str) -> str:
    """What is wrong with a key that an operator gave, or "": it has to pass through a header unchanged."""
    if len(key) < GIVEN_MIN_CHARS or not may_be_key(key):
        return f"must be {GIVEN_MIN_CHARS} to {GIVEN_MAX_CHARS} visible ASCII characters, without spaces"
    return ""


def may_be_key(text: str) -> bool:
    """Whether it is worth to be looked up. Also a key from before there was a least length."""
    return 0 < len(text) <= GIVEN_MAX_CHARS and text.isascii() and text.isprintable() and " " not in text
