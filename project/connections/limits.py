"""How long a client may keep the web server waiting. Tests make these shorter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All in seconds but `lingering_bytes`."""

    # From the opening of a connection, or the first byte of a later request, until its head is whole.
    head: float = 10.0
    # Without a byte of a body that is waited for; and for all of it.
    body_silence: float = 20.0
    body: float = 300.0
    # Without taking anything of what waits to be sent.
    write: float = 30.0
    # For reading an answer that came before the request was whole. What arrives meanwhile is dropped, up to so much.
    lingering: float = 2.0
    lingering_bytes: int = 524_288
    # Between two looks at all connections: how exact everything above is.
    look: float = 1.0
