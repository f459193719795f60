"""The listening socket. The supervisor keeps it open, so a restart of a web process loses no connection."""

import socket

from project.embedded.errors import CannotStart

BACKLOG = 2048
# How much the kernel buffers for a client that does not read, besides what is on its way; the default is megabytes. It
# also determines how soon the web server sees that a slow reader has received something (Limits.write).
UNSENT_BYTES = 131_072


def listen(*, host: str, port: int) -> socket.socket:
    """Bind and listen. Raises CannotStart when the address is in use, unknown or not permitted."""
    listener = None
    try:
        family, kind, protocol, _, address = _resolve(host, port)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. uvicorn takes an inherited descriptor for a Unix socket and does not set it.
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
    """Host and port at which this machine itself reaches the listener."""
    host, port = listener.getsockname()[:2]
    return reached_at(host), port


def reached_at(host: str) -> str:
    """Where this machine itself reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def base_url(address: tuple[str, int]) -> str:
    host, port = address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    return socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
