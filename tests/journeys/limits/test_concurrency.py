"""Journey: how many questions of a key and an account may be open at once, and how many tokens they may use."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
import redis
import requests
from openai import OpenAI

from project.embedded import paths
from tests.fakes.replies import answers, completion, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.clients.openai import Chat
from tests.journeys.conftest import VENDOR_KEY
from tests.journeys.service import Service
from tests.waiting import eventually

HI: Any = [aichat.user("Hi")]
PLACES, CLIENTS = 7, 50
REMAINING_TOKENS = "x-ratelimit-remaining-tokens"
# A reader has its first word, and so the status of its answer; the rest waits for the test.
HELD = says("now", "later").stalled_after(2)


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory, vendor: FakeUpstream) -> Iterator[Service]:
    env = {
        "CONCURRENT_RUNS": str(PLACES),
        "WEB_PROCESSES": "2",
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
    }
    with Service(data_dir=tmp_path_factory.mktemp("crowded") / "var", env=env) as running:
        yield running


@pytest.fixture
def valkey(own_service: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(paths.redis_url(own_service.data_dir)) as client:
        yield client


def chat_of(service: Service, *options: str, account: str = "") -> Chat:
    return Chat(service.base_url, service.create_key(account or new_id(), *options))


def open_turns(chat: Chat, count: int) -> list[requests.Response]:
    """As many streams, all begun at once; the vendor ends none before it is told to."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: open_turn(chat), range(count)))


def open_turn(chat: Chat, **headers: str) -> requests.Response:
    """Of a stored conversation: it goes on, although nobody reads the answer further."""
    return chat.ask("wait", headers={"X-Conversation-Id": new_id(), **headers}, stream=True)


def open_task(chat: Chat) -> requests.Response:
    return chat.post({"model": aichat.MODEL, "messages": [aichat.user("wait")], "async": True})


def statuses(responses: list[requests.Response]) -> dict[int, int]:
    found = [response.status_code for response in responses]
    return {status: found.count(status) for status in set(found)}


def is_free(chat: Chat) -> bool:
    return open_turn(chat).status_code == 200


def test_fifty_clients_get_exactly_the_places_there_are(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service)

    asked = open_turns(chat, CLIENTS)

    assert statuses(asked) == {200: PLACES, 429: CLIENTS - PLACES}
    refused = next(response for response in asked if response.status_code == 429)
    # Though it was counted as a request: only its body says whether somebody waits for it.
    assert int(refused.headers["x-ratelimit-remaining-requests"]) > 0
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["Retry-After"] == "1"
    upstream.release()
    eventually(lambda: is_free(chat), bool)


def test_the_keys_of_an_account_share_what_it_may_have(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    name = new_id()
    one, other = chat_of(own_service, account=name), chat_of(own_service, account=name)
    own_service.in_shell(
        "from conversations.models import Account; "
        f"Account.objects.filter(name={name!r}).update(concurrent_runs=4, requests_per_minute=1000)"
    )

    with ThreadPoolExecutor(2) as pool:
        asked = [found for both in pool.map(lambda chat: open_turns(chat, 10), (one, other)) for found in both]

    assert statuses(asked) == {200: 4, 429: 16}
    assert {response.headers["x-ratelimit-limit-requests"] for response in asked} == {"1000"}
    upstream.release()


def test_a_key_of_its_own_limit_and_one_without_any(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)

    assert statuses(open_turns(chat_of(own_service, "--concurrency", "2"), 10)) == {200: 2, 429: 8}
    assert statuses(open_turns(chat_of(own_service, "--concurrency", "0"), 10)) == {200: 10}
    upstream.release()


def test_what_is_refused_takes_no_place(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--concurrency", "1")

    bad = [chat.ask("Hi", model="no-such-model") for _ in range(5)]
    bad += [chat.post(b"no json") for _ in range(5)]

    assert {response.status_code for response in bad} == {400, 404}
    assert is_free(chat)
    upstream.release()


def test_tasks_wait_in_the_queue_and_take_no_place(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--concurrency", "2")

    with ThreadPoolExecutor(CLIENTS) as pool:
        tasks = list(pool.map(lambda _: open_task(chat), range(CLIENTS)))
    turns = open_turns(chat, 10)
    with_no_place_left = open_task(chat)

    assert statuses(tasks) == {200: CLIENTS}
    assert statuses(turns) == {200: 2, 429: 8}
    assert with_no_place_left.status_code == 200
    upstream.release()


def test_a_client_that_leaves_while_it_sends_its_body_frees_its_place(
    own_service: Service, valkey: redis.Redis
) -> None:
    chat = chat_of(own_service, "--concurrency", "1")
    of_others = set(valkey.keys("parley:running:*"))
    address = urlsplit(own_service.base_url)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {chat.key}\r\n"

    with socket.create_connection((address.hostname, address.port), timeout=30) as leaving:
        leaving.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        # The body is asked for once its place is taken. A turn asked before that could have taken it.
        assert leaving.recv(1024).startswith(b"HTTP/1.1 100 ")
        assert not is_free(chat)
        (taken,) = set(valkey.keys("parley:running:*")) - of_others

    # Whoever frees it deletes that; the end of its lease does not.
    eventually(lambda: valkey.exists(taken), lambda count: count == 0)
    assert is_free(chat)


def test_a_cancelled_run_frees_its_place(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--concurrency", "1")
    (turn,) = open_turns(chat, 1)
    url = f"{own_service.base_url}/api/v1/runs/{turn.headers['X-Run-Id']}/cancel"
    assert not is_free(chat)

    requests.post(url, headers={"Authorization": f"Bearer {chat.key}"}, timeout=30)

    eventually(lambda: is_free(chat), bool)
    upstream.release()


def test_a_repeated_request_takes_no_second_place(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--concurrency", "2")

    same = {"Idempotency-Key": "same", "X-Conversation-Id": new_id()}
    for _ in range(5):
        again = open_turn(chat, **same)
        assert again.status_code == 200

    assert is_free(chat)
    assert not is_free(chat)
    upstream.release()


def test_a_flushed_redis_gets_the_places_back(
    own_service: Service, upstream: FakeUpstream, valkey: redis.Redis
) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--concurrency", "3")
    assert statuses(open_turns(chat, 3)) == {200: 3}
    (name,) = [key for key in valkey.keys("parley:runs:key:*") if valkey.zcard(key) == 3]

    valkey.flushall()

    eventually(lambda: valkey.zcard(name), lambda count: count == 3)
    assert not is_free(chat)
    upstream.release()
    eventually(lambda: is_free(chat), bool)


def test_tokens_are_counted_as_they_were_used(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.default = lambda _: answers(completion("Hi", usage=tokens(900, 100)))
    chat = chat_of(own_service, "--tokens-per-minute", "5000")

    left = [int(chat.ask("Hi").headers[REMAINING_TOKENS]) for _ in range(4)]

    # At most one minute's share comes back meanwhile; each question was expected to use less than 300.
    assert 4_700 <= left[0] < 5_000
    assert 4_700 - 3_000 <= left[3] < 4_700 - 3_000 + 5_000 // 2


def test_fifty_clients_reserve_no_more_tokens_than_there_are(own_service: Service, upstream: FakeUpstream) -> None:
    upstream.on_text("wait", HELD)
    chat = chat_of(own_service, "--tokens-per-minute", "6000", "--concurrency", "0")
    began = time.monotonic()

    asked = open_turns(chat, CLIENTS)

    come_back = (time.monotonic() - began) * 100
    expected = len(asked[0].request.body or b"") // 4 + 256
    let_through = statuses(asked)[200]
    assert 6000 // expected <= let_through <= (6000 + come_back) / expected
    waits = [int(answer.headers["Retry-After"]) for answer in asked if answer.status_code == 429]
    assert len(waits) == CLIENTS - let_through
    assert all(1 <= wait <= 3 for wait in waits)
    upstream.release()


def test_who_has_used_more_tokens_than_there_were_waits(own_service: Service, upstream: FakeUpstream) -> None:
    """A long history is in no request, so it is counted when the run ends."""
    upstream.default = lambda _: answers(completion("Hi", usage=tokens(100_000, 100)))
    key = own_service.create_key(new_id(), "--tokens-per-minute", "5000")
    chat = Chat(own_service.base_url, key)
    assert chat.ask("Hi").status_code == 200

    with OpenAI(base_url=f"{own_service.base_url}/v1", api_key=key, max_retries=0) as sdk:
        refused = eventually(lambda: _refusal(sdk), lambda found: found is not None)

    assert refused is not None
    assert (refused.code, refused.response.headers[REMAINING_TOKENS]) == ("rate_limit_exceeded", "0")
    assert refused.response.headers["x-ratelimit-limit-tokens"] == "5000"
    assert refused.response.headers["retry-after"] == "120"
    assert refusal(Api(own_service.base_url, key).ask("Hi"))[:2] == (429, "too_many_requests")


def test_a_question_of_more_tokens_than_a_minute_has_is_final(own_service: Service, upstream: FakeUpstream) -> None:
    key = own_service.create_key(new_id(), "--tokens-per-minute", "5000")
    question = "one two three four " * 2_500

    with OpenAI(base_url=f"{own_service.base_url}/v1", api_key=key, max_retries=2) as sdk:
        with pytest.raises(openai.RateLimitError) as refused:
            sdk.chat.completions.create(model=aichat.MODEL, messages=[aichat.user(question)])  # type: ignore[list-item]
        # It took nothing.
        answer = sdk.chat.completions.with_raw_response.create(model=aichat.MODEL, messages=HI)

    assert (refused.value.code, "of 5000 a minute" in refused.value.message) == ("rate_limit_exceeded", True)
    assert "retry-after" not in refused.value.response.headers
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert int(answer.headers[REMAINING_TOKENS]) > 4_000
    assert refusal(Api(own_service.base_url, key).ask(question))[:2] == (429, "too_many_requests")
    assert len(upstream.requests) == 1


def _refusal(sdk: OpenAI) -> openai.RateLimitError | None:
    try:
        sdk.chat.completions.create(model=aichat.MODEL, messages=HI)
    except openai.RateLimitError as exc:
        return exc
    return None
