"""Journey: a model with several targets, two workers, and an operator who looks on and replaces a key."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from conversations.rules.routing import WINDOW_SECONDS
from tests.fakes.replies import Json, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import receipts
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.service import PATIENCE_SECONDS, Service
from tests.waiting import eventually

ROUTES = """
from conversations.models import UpstreamKey, UpstreamTarget
from conversations.services.upstreams import keys, targets
for number, (name, url) in enumerate([("first", "{first}"), ("second", "{second}")], start=1):
    key = keys.save(UpstreamKey(name=name, vendor="openai", base_url=url), secret="sk-" + name)
    targets.save(UpstreamTarget(model="gpt-4o-mini", key=key, priority=number))
"""
WINDOWS = """
from conversations.models import UpstreamKey, UpstreamTarget
from conversations.services.upstreams import targets
for number, (name, window) in enumerate([("first", 100_000), ("second", 2_000)], start=1):
    key = UpstreamKey.objects.get(name=name)
    targets.save(UpstreamTarget(model="gpt-4.1", key=key, priority=number, context_window=window))
"""
REPLACED = """
from conversations.models import UpstreamKey
from conversations.services.upstreams import keys
keys.save(UpstreamKey.objects.get(name="first"), secret="sk-replaced")
"""


@pytest.fixture(scope="module")
def first() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def second() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def own_service(
    tmp_path_factory: pytest.TempPathFactory, first: FakeUpstream, second: FakeUpstream
) -> Iterator[Service]:
    env = {
        "OPENAI_API_KEY": "sk-a, sk-b",
        "OPENAI_BASE_URL": first.base_url,
        "WORKER_PROCESSES": "2",
        # The state of targets is asked for often here, and counts as fifty requests.
        "OTHER_REQUESTS_PER_MINUTE": "0",
    }
    with Service(data_dir=tmp_path_factory.mktemp("service") / "var", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def operator(own_service: Service) -> str:
    return own_service.manage("create_key", "--account", "default", "--operator").strip()


@pytest.fixture(scope="module")
def routes(own_service: Service, first: FakeUpstream, second: FakeUpstream) -> None:
    """Two targets, which both workers know: of ten questions in a row one alone takes none in a thousand."""
    own_service.in_shell(ROUTES.format(first=first.base_url, second=second.base_url))
    api = Api(own_service.base_url, own_service.api_key)

    def used() -> set[str]:
        first.reset()
        for _ in range(10):
            api.answer("Hello")
        return keys_used(first)

    eventually(used, lambda keys: keys == {"Bearer sk-first"})


def got(service: Service, path: str, key: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(f"{service.base_url}{path}", headers=headers, timeout=PATIENCE_SECONDS)


def upstream_of(service: Service, operator: str, key: str) -> Json:
    response = got(service, "/api/v1/upstreams", operator)
    assert response.status_code == 200, response.text
    (found,) = [row for row in response.json()["results"] if row["key"] == key and "gpt-4o-mini" in row["models"]]
    return dict(found)


def keys_used(upstream: FakeUpstream) -> set[str]:
    return {request.headers["authorization"] for request in upstream.requests}


def made_to_fail(service: Service, operator: str, upstream: FakeUpstream) -> Json:
    """Questions of two accounts are asked until all workers leave the target out."""
    upstream.reset()
    upstream.default = lambda _: fails(503)
    apis = [Api(service.base_url, service.create_key(account)) for account in ("default", "other")]

    def asked() -> Json:
        for api in apis:
            api.answer("Hello")
        return upstream_of(service, operator, "first")

    return eventually(asked, lambda row: row["state"] in ("open", "half_open"))


def test_keys_of_the_environment_share_the_questions(own_api: Api, first: FakeUpstream) -> None:
    first.reset()

    # With two keys of one weight, one of 40 questions in a million million leaves one out.
    for _ in range(40):
        own_api.answer("Hello")

    assert keys_used(first) == {"Bearer sk-a", "Bearer sk-b"}


def test_other_keys_learn_nothing_of_vendors(own_service: Service, own_api: Api, operator: str) -> None:
    run_id = own_api.ask("Hello").headers["X-Run-Id"]

    refused = got(own_service, "/api/v1/upstreams", own_api.key)
    own = got(own_service, f"/api/v1/runs/{run_id}", own_api.key).json()
    (told,) = got(own_service, f"/api/v1/runs/{run_id}", operator).json()["upstreams"]

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert "upstreams" not in own
    assert (told["attempt"], told["moves"]) == (1, [])
    assert told["target"] in ("openai / OPENAI_API_KEY / gpt-4o-mini", "openai / OPENAI_API_KEY 2 / gpt-4o-mini")


@pytest.mark.usefixtures("routes")
def test_targets_of_the_admin_act_within_seconds_and_fail_over(
    own_service: Service, own_api: Api, operator: str, first: FakeUpstream, second: FakeUpstream
) -> None:
    first.reset()
    second.reset()
    first.default = lambda _: fails(500)
    second.default = lambda _: says("From the second.")

    response = own_api.ask("Hello")

    assert "From the second." in response.text
    (told,) = got(own_service, f"/api/v1/runs/{response.headers['X-Run-Id']}", operator).json()["upstreams"]
    assert told["target"] == "openai / second / gpt-4o-mini"
    (move,) = told["moves"]
    assert move.pop("seconds") >= 0
    assert move == {"target": "openai / first / gpt-4o-mini", "reason": "unavailable", "status": 500}


@pytest.mark.usefixtures("routes")
def test_a_receipt_is_of_the_target_that_answered(
    own_service: Service, own_api: Api, operator: str, first: FakeUpstream, second: FakeUpstream
) -> None:
    """The first could hold the whole conversation, the second cannot."""
    own_service.in_shell(WINDOWS)
    first.reset()
    second.reset()
    first.default = lambda _: fails(500)
    second.default = lambda _: says("好的。")

    def asked() -> Json:
        thread = new_id()
        for number in range(5):
            response = own_api.ask(f"{number}" + "问" * 500, id=thread, model="gpt-4.1")
        return receipts.receipt(own_api, response.headers["X-Run-Id"])

    # A worker that has not read the table yet sends it all.
    found = eventually(asked, lambda receipt: receipt["context_window"] == 2_000)

    run_id = found["run"]
    assert receipts.said(found) == receipts.got(second)
    assert found["sent"] + found["trimmed"]["window"] == 9
    assert found["trimmed"]["window"] > 0
    assert "target" not in found
    assert receipts.receipt(Api(own_api.base_url, operator), run_id)["target"] == "openai / second / gpt-4.1"


@pytest.mark.usefixtures("routes")
def test_a_replaced_key_acts_without_a_restart(own_service: Service, own_api: Api, first: FakeUpstream) -> None:
    first.reset()
    own_service.in_shell(REPLACED)

    eventually(lambda: own_api.answer("Hello") and keys_used(first), lambda used: "Bearer sk-replaced" in used)

    assert "sk-replaced" not in own_service.log


@pytest.mark.usefixtures("routes")
def test_all_workers_leave_a_failing_target_out_until_it_is_back(
    own_service: Service, own_api: Api, operator: str, first: FakeUpstream, second: FakeUpstream
) -> None:
    second.reset()
    seen = made_to_fail(own_service, operator, first)
    assert seen["reason"] == "unavailable"
    assert seen["failures"] >= 3
    assert upstream_of(own_service, operator, "second")["state"] == "available"

    first.reset()

    def back() -> Any:
        own_api.answer("Hello")
        return upstream_of(own_service, operator, "first")["state"]

    eventually(back, lambda state: state == "available")
    eventually(lambda: own_api.answer("Hello") and first.requests, lambda requests: len(requests) > 1)


@pytest.mark.faults
@pytest.mark.usefixtures("routes")
def test_one_question_probes_and_makes_way_when_its_worker_is_killed(
    own_service: Service, own_api: Api, operator: str, first: FakeUpstream, second: FakeUpstream
) -> None:
    second.reset()
    # Two windows count. Beside the answers before this test too small a share would fail.
    time.sleep(2 * WINDOW_SECONDS)
    made_to_fail(own_service, operator, first)
    first.reset()
    first.default = lambda _: says("Never").silent()

    # Not waited for: one of them is the probe, which hangs.
    def probed() -> int:
        own_api.post({"model": "gpt-4o-mini", "question": "Hello", "async": True})
        return len(first.requests)

    eventually(probed, bool)
    asked = len(second.requests)
    for _ in range(10):
        own_api.post({"model": "gpt-4o-mini", "question": "Hello", "async": True})
    second.wait_for_requests(asked + 10)
    assert len(first.requests) == 1

    own_service.kill("worker")
    first.default = lambda _: says("Back.")

    def back() -> Any:
        own_api.post({"model": "gpt-4o-mini", "question": "Hello", "async": True})
        return upstream_of(own_service, operator, "first")["state"]

    eventually(back, lambda state: state == "available")
