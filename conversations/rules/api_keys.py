"""API keys: random bearer secrets. The database knows a key by its hash, people know it by its first characters."""

import hashlib
import secrets

from conversations.rules.client_tokens import signatures

PREFIX = "sk-"
RANDOM_BYTES = 32
PREFIX_CHARS = 8
# Of a short key that an operator chose, the prefix is at most a quarter.
PREFIX_PART = 4
MIN_CHARS = 20
MAX_CHARS = 1_000


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def hash_key(key: str) -> bytes:
    """SHA-256 without salt or stretching: keys are random, and requests look them up by it. Any text has a hash."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def prefix(key: str) -> str:
    """Enough to tell keys apart in a list, too little to guess a key from."""
    return key[: min(PREFIX_CHARS, len(key) // PREFIX_PART)]


def problem(key: str) -> str:
    """What is wrong with a key that an operator chose, or "". It must pass through a header unchanged."""
    if len(key) < MIN_CHARS or not is_well_formed(key):
        return f"must be {MIN_CHARS} to {MAX_CHARS} visible ASCII characters, without spaces"
    if signatures.is_token(key):
        return "must not have the form of a JSON Web Token"
    return ""


def is_well_formed(text: str) -> bool:
    """Whether it is worth looking up. There is no least length here, because older keys had none."""
    return 0 < len(text) <= MAX_CHARS and text.isascii() and text.isprintable() and " " not in text
