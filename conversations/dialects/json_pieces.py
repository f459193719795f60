"""How many pieces the JSON of a request may be of, told from its bytes: before anything is made of them.

A value of three bytes takes seventy in memory, and whoever looks at each takes its time. Brackets and commas inside of
texts count too: the bounds leave room for more of them than a text has that fits any model.
"""

from conversations.errors import InvalidRequest

CONTAINERS_MAX = 300_000
COMMAS_MAX = 1_000_000


def check(body: bytes) -> None:
    """Raises InvalidRequest."""
    # Three quick counts; a short body need not be counted.
    if len(body) <= CONTAINERS_MAX:
        return
    if body.count(b"{") + body.count(b"[") > CONTAINERS_MAX:
        raise InvalidRequest(f"The request body has more than {CONTAINERS_MAX} objects and arrays.")
    if body.count(b",") > COMMAS_MAX:
        raise InvalidRequest(f"The request body has more than {COMMAS_MAX} values.")
