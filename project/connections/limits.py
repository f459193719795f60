"""How long a client may keep the web server waiting. Tests make these shorter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All in seconds, except `lingering_bytes`."""

    # From the opening of a connection, or the first byte of a later request, until its head is complete.
    head: float = 10.0
    # Between two bytes of a body that the server waits for; and for the whole body.
    body_silence: float = 20.0
    body: float = 300.0
    # Without receiving any of the bytes that wait to be sent.
    write: float = 30.0
    # For reading an answer that was sent before the request was complete. What arrives meanwhile is dropped, up to
    # `lingering_bytes`.
    lingering: float = 2.0
    lingering_bytes: int = 524_288
    # Between two checks of all connections. Every time above is exact to this.
    check_interval: float = 1.0
