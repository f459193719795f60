"""Limits login attempts. They are counted in Redis for all web processes, before a password is checked (ADR 20).

Each address has ten attempts in ten minutes, whatever names it uses. While many addresses guess at one name, or at the
login as a whole, each address has two. No name is ever locked: a stranger could lock the operator out.
"""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from redis.exceptions import RedisError

from conversations.stores import redis_clients

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 600
PER_ADDRESS = 10
PER_ADDRESS_UNDER_ATTACK = 2
# More than these in a window mean that somebody is guessing.
PER_NAME = 30
IN_ALL = 100
# A client with one IPv6 address usually has 2 ** 64 of them.
IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A counted attempt. `wait_seconds` is 0 when it may be made; `keys` are its counters."""

    wait_seconds: int
    keys: tuple[str, ...] = ()


def count(*, address: str, name: str) -> LoginAttempt:
    """Counts an attempt before its password is checked, so that all of many at once are counted."""
    keys = (_key("address", _host(address)), _key("name", name.casefold()), _key("all", ""))
    try:
        # A slow Redis is not waited for: the attempt is allowed, and `login.py` still bounds how many run at once.
        of_address, wait = _increment(keys[0])
        # An attempt refused for its address does not count against the name.
        if of_address > PER_ADDRESS:
            return LoginAttempt(wait, keys[:1])
        of_name, of_all = (_increment(key)[0] for key in keys[1:])
    except (RedisError, OSError) as exc:
        log.warning("logins_not_counted", error=type(exc).__name__)
        return LoginAttempt(0)
    is_under_attack = of_name > PER_NAME or of_all > IN_ALL
    return LoginAttempt(wait if is_under_attack and of_address > PER_ADDRESS_UNDER_ATTACK else 0, keys)


def uncount(attempt: LoginAttempt) -> None:
    """For an attempt that succeeded or was not checked: only failures count."""
    try:
        with redis_clients.hurried().pipeline() as pipeline:
            for key in attempt.keys:
                pipeline.decr(key)
                # The window may have ended meanwhile; then DECR creates the key anew, which must also expire.
                pipeline.expire(key, WINDOW_SECONDS, nx=True)
            pipeline.execute()
    except (RedisError, OSError) as exc:
        log.warning("logins_not_counted", error=type(exc).__name__)


def _increment(key: str) -> tuple[int, int]:
    """The attempts in this window, and the seconds until it ends."""
    with redis_clients.hurried().pipeline() as pipeline:
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_SECONDS, nx=True)
        pipeline.ttl(key)
        made, _, left = pipeline.execute()
    return made, max(1, left)


def _key(kind: str, what: str) -> str:
    """Hashed: names and addresses are given by strangers and have any length."""
    return f"parley:logins:{kind}:{sha256(what.encode(errors='replace')).hexdigest()[:32]}"


def _host(address: str) -> str:
    """An IPv4 address, an IPv6 network, or the text that a proxy gave instead of an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ip_network((int(parsed), IPV6_PREFIX), strict=False))
    return str(parsed)
