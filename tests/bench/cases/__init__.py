"""The cases, in the order in which they run. Cases of one setup share a running service."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.cases import growth, idle, lengths, retrieval, starting, streams, turns
from tests.bench.figures import Figures
from tests.bench.load.job import Form
from tests.bench.load.pace import Pace
from tests.bench.service.environment import Environment


@dataclass(frozen=True, slots=True)
class Setup:
    """How the service is started."""

    worker_processes: int
    worker_threads: int


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    setup: Setup
    run: Callable[[Environment, Pace, str], Figures]
    is_in_quick: bool = True
    is_in_full: bool = True


# One worker for turns. Streams get the two workers that two cores have by default, and threads for 500 streams: each
# open stream holds a thread, and one account may use three quarters of them.
TURNS, STREAMS = Setup(1, 64), Setup(2, 350)

CASES = (
    Case("start", TURNS, starting.run),
    Case("rest", TURNS, idle.rest),
    Case("upstream-1", TURNS, turns.run(Form.UPSTREAM, clients=1)),
    Case("upstream-64", TURNS, turns.run(Form.UPSTREAM, clients=64), is_in_quick=False),
    Case("json-1", TURNS, turns.run(Form.JSON, clients=1)),
    Case("json-16", TURNS, turns.run(Form.JSON, clients=16)),
    Case("json-64", TURNS, turns.run(Form.JSON, clients=64)),
    Case("stream-1", TURNS, turns.run(Form.NDJSON, clients=1)),
    Case("stream-16", TURNS, turns.run(Form.NDJSON, clients=16)),
    Case("stream-64", TURNS, turns.run(Form.NDJSON, clients=64), is_in_quick=False),
    Case("paced-stream-16", TURNS, turns.run(Form.NDJSON, clients=16, per_second=50), is_in_quick=False),
    Case("chat-1", TURNS, turns.run(Form.CHAT, clients=1), is_in_quick=False),
    Case("chat-16", TURNS, turns.run(Form.CHAT, clients=16)),
    Case("chat-stream-1", TURNS, turns.run(Form.CHAT_STREAM, clients=1), is_in_quick=False),
    Case("chat-stream-16", TURNS, turns.run(Form.CHAT_STREAM, clients=16)),
    Case("yuju-json-1", TURNS, turns.run(Form.YUJU, clients=1), is_in_quick=False),
    Case("yuju-json-16", TURNS, turns.run(Form.YUJU, clients=16)),
    Case("once-16", TURNS, turns.run(Form.ONCE, clients=16), is_in_quick=False),
    Case("once-stream-16", TURNS, turns.run(Form.ONCE_STREAM, clients=16), is_in_quick=False),
    Case("messages-10", TURNS, lengths.run(messages=10)),
    Case("messages-100", TURNS, lengths.run(messages=100), is_in_quick=False),
    Case("messages-1000", TURNS, lengths.run(messages=1000)),
    Case("messages-1000-known", TURNS, lengths.run(messages=1000, is_known=True)),
    Case("restart", STREAMS, starting.run),
    Case("tokens-40", STREAMS, streams.run(Form.SSE, clients=40), is_in_quick=False),
    Case("tokens-100", STREAMS, streams.run(Form.SSE, clients=100)),
    Case("tokens-40-ndjson", STREAMS, streams.run(Form.NDJSON, clients=40), is_in_quick=False),
    Case("idle-500", STREAMS, idle.run(streams=500)),
    # Named alone: it needs a file.
    Case("retrieval", TURNS, retrieval.run, is_in_quick=False, is_in_full=False),
    # The last one: what it fills in stays.
    Case("growth", TURNS, growth.run, is_in_quick=False),
)
