"""One account asks more slow questions than all workers can hold; another account is answered without delay."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, refusal
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

THREADS, SHARE = 8, 6
SLOW = 40
HELD = "SELECT count(*) AS n FROM conversations_activerun WHERE status = 'queued' AND woken_at IS NULL"
ACTIVE = "SELECT count(*) AS n FROM conversations_activerun"
IN_PROGRESS = "SELECT count(*) AS n FROM conversations_activerun WHERE status = 'in_progress'"


@pytest.fixture(scope="module")
def hanging() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        upstream.on_text("Slow", says("At last.").silent())
        yield upstream


@pytest.fixture(scope="module")
def own_service(hanging: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": hanging.base_url,
        "WORKER_THREADS": str(THREADS),
        "MAX_QUEUED_RUNS": str(SLOW),
    }
    with Service(data_dir=tmp_path_factory.mktemp("shares") / "var", env=env) as running:
        yield running


def count(rows: Rows, sql: str) -> int:
    return int(rows.all(sql)[0]["n"])


def ask_slowly(api: Api, number: int) -> int:
    body = {"model": MODEL, "question": f"Slow {number}", "stateful": True, "async": True}
    return api.post(body).status_code


def test_another_account_is_answered_beside_any_number_of_hanging_runs(
    own_service: Service, hanging: FakeUpstream, own_rows: Rows
) -> None:
    ann = Api(own_service.base_url, own_service.api_key)
    bob = Api(own_service.base_url, own_service.create_key("bob"))
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda number: ask_slowly(ann, number), range(SLOW))) == {200}
    in_progress, _ = eventually(
        lambda: (count(own_rows, IN_PROGRESS), count(own_rows, HELD)), lambda runs: sum(runs) == SLOW
    )
    # A claim that took more than 0.2 s was not waited for, so the one after it may have taken the same last place.
    assert SHARE <= in_progress < THREADS

    for _ in range(5):
        assert bob.answer("hi", model="echo")["answer"].startswith("[echo]")
        assert bob.answer("hi")["answer"]

    # No slow run ended meanwhile.
    assert (count(own_rows, IN_PROGRESS), count(own_rows, HELD)) == (in_progress, SLOW - in_progress)
    for number in range(in_progress):
        assert ask_slowly(ann, number) == 200
    full = ann.ask("One more?")
    assert refusal(full)[:2] == (429, "too_many_requests")
    assert full.headers["Retry-After"] == "5"

    hanging.release()
    # Also those that were woken and are not claimed yet.
    eventually(lambda: count(own_rows, ACTIVE), lambda runs: runs == 0)
    slow = [request.messages[-1]["content"] for request in hanging.requests if "Slow" in str(request.messages[-1])]
    assert len(slow) == SLOW + in_progress
