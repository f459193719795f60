"""Tells a fake vendor how much of its answer readers were shown, so that its next word can wait for that."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager

import redis

from conversations.relay import codec
from project.embedded import paths
from tests.fakes.upstream import FakeUpstream
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

NEWEST = """
SELECT r.public_id, a.attempt FROM conversations_activerun a JOIN conversations_run r ON r.id = a.run_id
WHERE a.status = 'in_progress' ORDER BY a.claimed_at DESC LIMIT 1
"""


@contextmanager
def reporting(vendor: FakeUpstream, service: Service) -> Iterator[None]:
    """Meanwhile the vendor knows how many events readers of this service were shown."""
    rows = Rows.of(service)
    valkey = redis.Redis.from_url(paths.redis_url(service.data_dir))
    before = vendor.events_shown
    # The log may be flushed by a test after readers saw it.
    most: defaultdict[str, int] = defaultdict(int)
    lock = threading.Lock()

    def events_shown() -> int:
        logs = [codec.log_key(str(run["public_id"]), int(run["attempt"])) for run in rows.all(NEWEST)]
        # The vendor and the test may call this at the same time.
        with lock:
            for log in logs:
                most[log] = max(most[log], int(valkey.xlen(log)))
            return sum(most[log] for log in logs)

    with closing(rows), closing(valkey):
        vendor.events_shown = events_shown
        try:
            yield
        finally:
            vendor.events_shown = before


def wait_for_words(vendor: FakeUpstream, count: int = 1) -> None:
    """Wait until so many words of the current answer can be read."""
    eventually(vendor.events_shown, lambda shown: shown == count)
