"""Journey: Redis loses its wake-ups while more questions arrive. The lost ones do not wait for the newer ones."""

import contextlib
from base64 import b64decode
from collections.abc import Iterator

import orjson
import pytest
import redis

from project.embedded import paths
from tests.fakes.defaults import last_text
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api
from tests.journeys.clients.tasks import LATER
from tests.journeys.rows import RUNS, Rows
from tests.journeys.service import Service
from tests.waiting import eventually

QUEUE = "runs"
# Longer than a sweep, also on a busy machine. Newer questions are queued all the while.
SWEPT = 45.0


@pytest.fixture
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, FakeUpstream]]:
    """With one worker thread, so that the upstream's requests show the order."""
    with FakeUpstream() as upstream:
        env = {
            "OPENAI_API_KEY": "sk-vendor",
            "OPENAI_BASE_URL": upstream.base_url,
            "WORKER_THREADS": "1",
            # The test makes waiting runs look old.
            "REFUSE_AFTER_WAIT": "600",
        }
        with Service(data_dir=tmp_path_factory.mktemp("lost") / "var", env=env) as service:
            yield service, upstream


def ask(api: Api, *questions: str) -> None:
    for question in questions:
        assert api.post({"model": MODEL, "question": question, **LATER}).status_code == 200


def lose_queue(valkey: redis.Redis) -> list[int]:
    """Delete the queue; returns its runs, the next one first."""
    with valkey.pipeline(transaction=True) as pipeline:
        pipeline.lrange(QUEUE, 0, -1)
        pipeline.delete(QUEUE)
        messages, _ = pipeline.execute()
    arguments = (orjson.loads(b64decode(orjson.loads(message)["body"])) for message in reversed(messages))
    return [named["run_id"] for _, named, _ in arguments]


def test_questions_with_lost_wake_ups_are_answered_in_their_order(one_thread: tuple[Service, FakeUpstream]) -> None:
    service, upstream = one_thread
    api = Api(service.base_url, service.api_key)
    upstream.script(says("It takes", " its time").stalled_after(1))
    early = [f"early {number}" for number in range(6)]
    late = [f"late {number}" for number in range(30)]
    with (
        contextlib.closing(Rows.of(service)) as rows,
        redis.Redis.from_url(paths.redis_url(service.data_dir)) as valkey,
    ):
        ask(api, "Long?")
        upstream.wait_for_requests(1)
        ask(api, *early)
        lost = lose_queue(valkey)
        assert len(lost) > 1
        # As if they had waited for a minute.
        for column in ("woken_at", "queued_at"):
            rows.change(
                f"UPDATE conversations_activerun SET {column} = {column} - interval '1 minute' WHERE run_id = ANY(%s)",
                lost,
            )
        ask(api, *late)

        eventually(lambda: valkey.llen(QUEUE), lambda length: length == len(lost) + len(late), within=SWEPT)
        upstream.release()
        done = f"SELECT count(*) AS n FROM {RUNS} WHERE status = 'completed'"
        eventually(lambda: rows.all(done)[0]["n"], lambda n: n == 1 + len(early) + len(late), within=SWEPT)

    assert [last_text(request.body) for request in upstream.requests] == ["Long?", *early, *late]
