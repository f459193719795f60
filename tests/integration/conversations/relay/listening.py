"""What is published on a run's channel."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

OVER = b"over"


@contextmanager
def listening(valkey: redis.Redis, channel: str) -> Iterator[list[bytes]]:
    """Everything published on the channel inside the block, known once it is left."""
    heard: list[bytes] = []
    with valkey.pubsub() as readers:  # type: ignore[no-untyped-call]  # theirs
        readers.subscribe(channel)
        readers.get_message(timeout=30)
        yield heard
        # A connection hears in the order of publishing, so after this one nothing is on its way.
        valkey.publish(channel, OVER)
        while (message := readers.get_message(timeout=30)) is not None and message["data"] != OVER:
            heard.append(message["data"])
