"""How often somebody may try to sign in: counted in Redis for all web processes, before a password is looked at.

Each address has ten tries in ten minutes, whatever names it tries. While a name, or the login as a whole, is being
guessed at from many addresses, each address has two. Nothing locks a name: a stranger could lock the operator out.
"""

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from redis.exceptions import RedisError

from conversations import redis_clients

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 600
PER_ADDRESS = 10
PER_ADDRESS_UNDER_ATTACK = 2
# More in a window, and somebody is guessing.
PER_NAME = 30
IN_ALL = 100
# Who has one IPv6 address as a rule has 2 ** 64 of them.
IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Try:
    """One try, counted. `wait_seconds` is 0 when it may be made; `keys` are its counters."""

    wait_seconds: int
    keys: tuple[str, ...] = ()


def count(*, address: str, name: str) -> Try:
    """Counts a try before its password is checked, so that many at once are many."""
    keys = (_key("address", _host(address)), _key("name", name.casefold()), _key("all", ""))
    try:
        # A Redis that is slow is hardly waited for: the try is let through, and `login.py` bounds those still.
        tries, wait = _increment(keys[0])
        # What its address may not do says nothing of the name: it is not counted there.
        if tries > PER_ADDRESS:
            return Try(wait, keys[:1])
        of_name, of_all = (_increment(key)[0] for key in keys[1:])
    except (RedisError, OSError) as exc:
        log.warning("logins_not_counted", error=type(exc).__name__)
        return Try(0)
    is_under_attack = of_name > PER_NAME or of_all > IN_ALL
    return Try(wait if is_under_attack and tries > PER_ADDRESS_UNDER_ATTACK else 0, keys)


def take_back(made: Try) -> None:
    """One that succeeded: only failures count."""
    try:
        with redis_clients.hurried().pipeline() as pipeline:
            for key in made.keys:
                pipeline.decr(key)
                # It may have ended meanwhile, and DECR would begin it anew, for ever.
                pipeline.expire(key, WINDOW_SECONDS, nx=True)
            pipeline.execute()
    except (RedisError, OSError) as exc:
        log.warning("logins_not_counted", error=type(exc).__name__)


def _increment(key: str) -> tuple[int, int]:
    """Tries in this window, and the seconds until it ends."""
    with redis_clients.hurried().pipeline() as pipeline:
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_SECONDS, nx=True)
        pipeline.ttl(key)
        made, _, left = pipeline.execute()
    return made, max(1, left)


def _key(kind: str, what: str) -> str:
    """Names and addresses are what a stranger says, of any length."""
    return f"parley:logins:{kind}:{sha256(what.encode(errors='replace')).hexdigest()[:32]}"


def _host(address: str) -> str:
    """An IPv4 address, an IPv6 network, or what a proxy said instead of one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ip_network((int(parsed), IPV6_PREFIX), strict=False))
    return str(parsed)
