"""The listening socket. The supervisor holds it, so a web process that is started again loses no connection."""

import socket

from project.embedded.errors import CannotStart

BACKLOG = 2048
# What the kernel keeps for a client that does not take it, besides what is on its way: otherwise megabytes. It also
# decides how soon the web server sees that a slow reader has taken something (Limits.write).
UNSENT_BYTES = 131_072


def listen(*, host: str, port: int) -> socket.socket:
    """Bind and listen. Raises CannotStart when the address is taken, unknown or not ours to bind."""
    listener = None
    try:
        family, kind, protocol, _, address = _resolve(host, port)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it; uvicorn takes a given descriptor for a Unix socket and would not set it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as exc:
        if listener:
            listener.close()
        raise CannotStart(f"Cannot listen on {host} port {port} ({exc.strerror}): set HOST or PORT") from None
    return listener


def own_address(listener: socket.socket) -> tuple[str, int]:
    """Host and port under which this machine itself reaches the listener."""
    host, port = listener.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - compared, not bound


def base_url(address: tuple[str, int]) -> str:
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    return socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
