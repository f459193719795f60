"""Journey: a key that asks too often is told when to come back, by both families."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from openai import OpenAI

from project.embedded import paths
from tests.journeys import asking
from tests.journeys.asking import SSE, Api, Rows, new_id, refusal
from tests.journeys.chatting import Chat
from tests.journeys.service import Service

# One place comes back every ten seconds: not while a test takes them and asks once more.
PLACES = 6
INTERVAL_SECONDS = 10.0
HI: Any = [asking.user("Hi")]
LIMIT = "x-ratelimit-limit-requests"
REMAINING = "x-ratelimit-remaining-requests"
RESET = "x-ratelimit-reset-requests"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {"REQUESTS_PER_MINUTE": str(PLACES)}
    running = Service(data_dir=tmp_path_factory.mktemp("limited") / "var", env=env)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def key(limited: Service) -> str:
    """Of an account that has not asked anything yet."""
    return asking.manage(limited, "create_key", "--account", new_id()).strip()


@pytest.fixture
def chat(limited: Service, key: str) -> Chat:
    return Chat(limited.base_url, key)


@pytest.fixture
def sdk(limited: Service, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{limited.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def limited_rows(limited: Service) -> Iterator[Rows]:
    looking = Rows(paths.database_url(limited.data_dir))
    yield looking
    looking.close()


def use_up(sdk: OpenAI) -> openai.RateLimitError:
    """Asks until there is no place left, and returns how that is told."""
    for _ in range(10 * PLACES):
        try:
            # Refused for what it says, and counted: the quickest way.
            sdk.chat.completions.create(model="echo", messages=[])
        except openai.RateLimitError as exc:
            return exc
        except openai.BadRequestError:
            continue
    raise AssertionError("never refused")


def test_answers_tell_what_is_left(chat: Chat, sdk: OpenAI) -> None:
    first = sdk.chat.completions.with_raw_response.create(model="echo", messages=HI)
    with chat.ask("Hi", model="echo", stream=True) as second:
        second.content  # noqa: B018 — read to its end
    bad = chat.ask("Hi", model="no-such-model")
    models = sdk.models.with_raw_response.list()

    assert (first.headers[LIMIT], first.headers[REMAINING], first.headers[RESET]) == ("6", "5", "10s")
    assert [(answer.status_code, answer.headers[REMAINING]) for answer in (second, bad)] == [(200, "4"), (404, "3")]
    assert LIMIT not in models.headers


def test_one_too_many_is_refused_with_when_to_come_back(sdk: OpenAI) -> None:
    error = use_up(sdk)

    assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert error.response.headers[REMAINING] == "0"
    assert 0 < int(error.response.headers["retry-after-ms"]) <= 1000 * INTERVAL_SECONDS
    assert 1 <= int(error.response.headers["Retry-After"]) <= INTERVAL_SECONDS
    assert "x-should-retry" not in error.response.headers


def test_an_sdk_comes_back_by_itself(sdk: OpenAI) -> None:
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
def test_every_way_to_ask_is_refused_and_leaves_nothing(
    chat: Chat, limited_rows: Rows, sdk: OpenAI, route: str, body: dict[str, Any]
) -> None:
    use_up(sdk)
    before = limited_rows.counts()

    response = chat.post({"model": "echo", **body}, route=route)

    assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert limited_rows.counts() == before


@pytest.mark.parametrize("accept", ["application/json", SSE])
def test_aichat_has_its_own_words_for_it(
    limited: Service, limited_rows: Rows, key: str, sdk: OpenAI, accept: str
) -> None:
    use_up(sdk)
    before = limited_rows.counts()

    response = Api(limited.base_url, key).ask("Hi", model="echo", accept=accept, id=new_id())

    assert refusal(response) == (429, "too_many_requests", "You have exceeded the rate limit.")
    assert 1 <= int(response.headers["Retry-After"]) <= INTERVAL_SECONDS
    assert limited_rows.counts() == before


def test_looking_is_not_limited(limited: Service, key: str, sdk: OpenAI) -> None:
    use_up(sdk)

    headers = {"Authorization": f"Bearer {key}"}
    responses = [requests.get(f"{limited.base_url}/api/v1/runs", headers=headers, timeout=10) for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 200]


def test_another_key_is_not_held_up(limited: Service, sdk: OpenAI) -> None:
    use_up(sdk)

    response = Api(limited.base_url, limited.api_key).ask("Hi", model="echo")

    assert response.status_code == 200
