"""Journey: a key that asks too often is refused with the time to wait, in both families."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests
from openai import OpenAI

from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import SSE, Api, new_id, refusal
from tests.journeys.clients.openai import Chat
from tests.journeys.rows import Rows
from tests.journeys.service import Service

# One question more is allowed every ten seconds, which is longer than a test takes to use them all.
QUESTIONS = 6
INTERVAL_SECONDS = 10.0
OTHERS = 4
BYTES = 60_000
HI: Any = [aichat.user("Hi")]
LIMIT = "x-ratelimit-limit-requests"
REMAINING = "x-ratelimit-remaining-requests"
RESET = "x-ratelimit-reset-requests"


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {
        "REQUESTS_PER_MINUTE": str(QUESTIONS),
        "OTHER_REQUESTS_PER_MINUTE": str(OTHERS),
        "BYTES_PER_MINUTE": str(BYTES),
    }
    with Service(data_dir=tmp_path_factory.mktemp("limited") / "var", env=env) as running:
        yield running


@pytest.fixture
def key(own_service: Service) -> str:
    """The key of an account that has not asked anything yet."""
    return own_service.create_key(new_id())


@pytest.fixture
def chat(own_service: Service, key: str) -> Chat:
    return Chat(own_service.base_url, key)


@pytest.fixture
def sdk(own_service: Service, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{own_service.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


class OtherRequests:
    """Requests other than questions."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str) -> requests.Response:
        return requests.request(method, f"{self._base_url}{path}", headers=self._headers, timeout=60)

    def get(self, path: str) -> requests.Response:
        return self.ask("GET", path)


@pytest.fixture
def other_requests(own_service: Service, key: str) -> OtherRequests:
    return OtherRequests(own_service.base_url, key)


def use_up(sdk: OpenAI) -> openai.RateLimitError:
    """Ask until the limit is reached; returns the refusal."""
    for _ in range(10 * QUESTIONS):
        try:
            # Invalid requests count too, and are the quickest.
            sdk.chat.completions.create(model="echo", messages=[])
        except openai.RateLimitError as exc:
            return exc
        except openai.BadRequestError:
            continue
    raise AssertionError("never refused")


def test_answers_say_how_many_questions_are_left(chat: Chat, sdk: OpenAI) -> None:
    first = sdk.chat.completions.with_raw_response.create(model="echo", messages=HI)
    with chat.ask("Hi", model="echo", stream=True) as second:
        second.content  # noqa: B018 — read to its end
    bad = chat.ask("Hi", model="no-such-model")
    models = sdk.models.with_raw_response.list()

    assert (first.headers[LIMIT], first.headers[REMAINING], first.headers[RESET]) == ("6", "5", "10s")
    assert [(answer.status_code, answer.headers[REMAINING]) for answer in (second, bad)] == [(200, "4"), (404, "3")]
    assert LIMIT not in models.headers


def test_one_question_too_many_is_refused_with_the_time_to_wait(sdk: OpenAI) -> None:
    error = use_up(sdk)

    assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert error.response.headers[REMAINING] == "0"
    assert 0 < int(error.response.headers["retry-after-ms"]) <= 1000 * INTERVAL_SECONDS
    assert 1 <= int(error.response.headers["Retry-After"]) <= INTERVAL_SECONDS
    assert "x-should-retry" not in error.response.headers


def test_an_sdk_waits_and_repeats_by_itself(sdk: OpenAI) -> None:
    use_up(sdk)

    patient = sdk.with_options(max_retries=2)

    answer = patient.chat.completions.create(model="echo", messages=HI)
    assert answer.choices[0].message.content == "[echo] Received 1 message. The last question: Hi"


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/v1/chat/completions", {"messages": HI, "stream": True}),
        ("/v1/chat/completions", {"messages": HI, "async": True}),
        ("/v1/completions", {"prompt": "Hi"}),
        ("/openai/embeddings", {"input": "Hi"}),
    ],
)
def test_every_way_to_ask_is_refused_and_stores_nothing(
    chat: Chat, own_rows: Rows, sdk: OpenAI, route: str, body: dict[str, Any]
) -> None:
    use_up(sdk)
    before = own_rows.counts()

    response = chat.post({"model": "echo", **body}, route=route)

    assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert own_rows.counts() == before


@pytest.mark.parametrize("accept", ["application/json", SSE])
def test_aichat_refuses_in_its_own_form(
    own_service: Service, own_rows: Rows, key: str, sdk: OpenAI, accept: str
) -> None:
    use_up(sdk)
    before = own_rows.counts()

    response = Api(own_service.base_url, key).ask("Hi", model="echo", accept=accept, id=new_id())

    assert refusal(response) == (429, "too_many_requests", "You have exceeded the rate limit.")
    assert 1 <= int(response.headers["Retry-After"]) <= INTERVAL_SECONDS
    assert own_rows.counts() == before


def test_other_requests_are_counted_apart_from_questions(other_requests: OtherRequests, sdk: OpenAI) -> None:
    use_up(sdk)

    responses = [other_requests.get("/api/v1/runs") for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 200]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/runs", 200),
        ("GET", "/api/v1/runs/run_none", 404),
        ("POST", "/api/v1/runs/run_none/cancel", 404),
        ("GET", "/api/v1/runs/run_none/stream", 404),
        ("GET", "/api/v1/webhook_endpoints", 200),
        ("DELETE", "/api/v1/webhook_endpoints/whe_none", 404),
        ("GET", "/api/v1/callback_secret", 200),
        ("GET", "/api/v1/events", 200),
        ("GET", "/api/v1/deliveries", 200),
        ("GET", "/api/v1/deliveries/dlv_none", 404),
        ("POST", "/aichat/tasks", 400),
        ("POST", "/openai/tasks", 400),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/echo", 200),
    ],
)
def test_every_other_route_is_counted(other_requests: OtherRequests, method: str, path: str, status: int) -> None:
    answers = [other_requests.ask(method, path) for _ in range(OTHERS)]

    refused = other_requests.ask(method, path)

    assert {answer.status_code for answer in answers} == {status}
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] in ("too_many_requests", "rate_limit_exceeded")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60 / OTHERS
    assert LIMIT not in refused.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/deliveries/dlv_none/replay"),
        ("POST", "/api/v1/webhook_endpoints"),
        ("PATCH", "/api/v1/webhook_endpoints/whe_none"),
        ("POST", "/api/v1/webhook_endpoints/whe_none/rotate"),
        ("POST", "/api/v1/callback_secret/rotate"),
    ],
)
def test_an_expensive_request_counts_as_many(other_requests: OtherRequests, method: str, path: str) -> None:
    assert other_requests.ask(method, path).status_code != 429

    assert other_requests.ask(method, path).status_code == 429
    assert other_requests.get("/api/v1/runs").status_code == 429


def test_bytes_are_counted_before_the_body_is_read(
    own_service: Service, own_rows: Rows, key: str, other_requests: OtherRequests
) -> None:
    api = Api(own_service.base_url, key)
    large = api.ask("x" * (BYTES - 1_000), model="echo")
    before = own_rows.counts()

    refused = api.ask("x" * 2_000, model="echo")

    assert large.status_code == 200
    assert refusal(refused) == (429, "too_many_requests", "You have exceeded the rate limit.")
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    assert own_rows.counts() == before
    # Requests without a body are still answered.
    assert other_requests.get("/api/v1/runs").status_code == 200


def test_a_body_in_chunks_is_counted_after_it_was_read(
    own_service: Service, key: str, other_requests: OtherRequests
) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    url = f"{own_service.base_url}/aichat/tasks"
    chunks = (b"[" + b" " * BYTES, b"]")

    first = requests.post(url, data=iter(chunks), headers=headers, timeout=60)
    second = requests.post(url, json={"id": "x"}, headers=headers, timeout=60)

    assert (first.status_code, second.status_code) == (400, 429)
    assert other_requests.get("/api/v1/runs").status_code == 200


def test_fifty_clients_are_let_through_as_often_as_a_minute_allows(chat: Chat) -> None:
    began = time.monotonic()

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: chat.ask("Hi", model="no-such-model"), range(50)))

    took = time.monotonic() - began
    let_through = [answer for answer in answers if answer.status_code == 404]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(let_through) + len(refused) == 50
    assert QUESTIONS <= len(let_through) <= QUESTIONS + took / INTERVAL_SECONDS
    assert {answer.headers[REMAINING] for answer in refused} == {"0"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= INTERVAL_SECONDS for answer in refused)


def test_another_key_is_not_limited(own_service: Service, sdk: OpenAI) -> None:
    use_up(sdk)

    response = Api(own_service.base_url, own_service.api_key).ask("Hi", model="echo")

    assert response.status_code == 200
