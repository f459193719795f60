"""From a host to the addresses that may be connected to: looked up once, and every answer must be allowed."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, ip_address

from conversations.outbound import hosts
from conversations.outbound.addresses import Address, Network, is_allowed
from conversations.outbound.errors import OutboundFailed, OutboundRefused, OutboundTimeout

LOOKUP_SECONDS = 5.0
# Of one process. A lookup cannot be interrupted: one that nobody waits for any longer still holds a thread.
LOOKUPS_AT_ONCE = 64

# Gives a name's addresses within so many seconds. Raises OutboundFailed or OutboundTimeout.
Lookup = Callable[[str, float], Sequence[Address]]

_free = threading.BoundedSemaphore(LOOKUPS_AT_ONCE)


def allowed_addresses(
    host: str, *, allow: Sequence[Network], lookup: Lookup, seconds: float = LOOKUP_SECONDS
) -> list[Address]:
    """The host's addresses, best first, without repeats. Looks up at most once.

    Raises OutboundRefused when any of them is neither public nor in `allow`: a name with mixed answers would let
    chance decide. Raises OutboundFailed or OutboundTimeout when the name cannot be looked up.
    """
    found = _addresses(host, lookup, seconds)
    if not found:
        raise _not_found()
    if not all(is_allowed(address, allow=allow) for address in found):
        raise OutboundRefused("the URL leads to an address that is not public", reason="address")
    return list(dict.fromkeys(found))


def _addresses(host: str, lookup: Lookup, seconds: float) -> Sequence[Address]:
    address = hosts.literal(host)
    if address is not None:
        return [address]
    if hosts.is_localhost(host):
        return [IPv4Address("127.0.0.1")]
    return lookup(host, seconds)


def system_lookup(name: str, seconds: float) -> list[Address]:
    """Asks the system's resolver. Raises OutboundFailed, or OutboundTimeout after `seconds`."""
    give_up_at = time.monotonic() + seconds
    if not _free.acquire(timeout=seconds):
        raise OutboundTimeout("the URL's host could not be looked up in time")
    answer: Future[list[Address]] = Future()
    threading.Thread(target=_ask, args=(name, answer), name="outbound-lookup", daemon=True).start()
    try:
        return answer.result(timeout=max(0.0, give_up_at - time.monotonic()))
    except TimeoutError:
        raise OutboundTimeout("the URL's host could not be looked up in time") from None
    except (OSError, ValueError) as exc:  # UnicodeError, a ValueError: no such thing as that name
        raise _not_found() from exc


def _ask(name: str, answer: Future[list[Address]]) -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        answer.set_result([ip_address(where[0]) for _, _, _, _, where in found])
    except (OSError, ValueError) as exc:
        answer.set_exception(exc)
    finally:
        _free.release()


def _not_found() -> OutboundFailed:
    return OutboundFailed("the URL's host cannot be found")
