"""Journey: an account at a quota is refused, in the words of both families."""

import openai
import pytest
from openai import OpenAI

from tests.fakes.receiver import Receiver
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.clients.webhooks import call, make
from tests.journeys.rows import Rows
from tests.journeys.service import Service

NO_MORE = "An account has at most 0 conversations."
NO_KEYS = "An account has at most 0 idempotency keys in 24 hours."


@pytest.fixture
def account() -> str:
    return new_id()


@pytest.fixture
def full_api(service: Service, account: str) -> Api:
    """A client of an account that has reached its quotas, once `fill` was called."""
    return Api(service.base_url, service.create_key(account))


def fill(rows: Rows, account: str, what: str) -> None:
    assert rows.change(f"UPDATE conversations_account SET max_{what} = 0 WHERE name = %s", account) == 1


def test_no_conversation_is_begun_above_its_quota(full_api: Api, account: str, rows: Rows) -> None:
    fill(rows, account, "conversations")
    before = rows.counts()

    refused = [
        full_api.ask("Hi", model="echo", id=new_id()),
        full_api.post({"model": "echo", "question": "Hi", "id": new_id(), "async": True}),
    ]

    assert [refusal(one) for one in refused] == [(403, "used_up", NO_MORE)] * 2
    assert rows.counts() == before
    assert full_api.ask("Hi", model="echo", stateful=False).status_code == 200


def test_no_document_comes_above_its_quotas(full_api: Api, account: str, rows: Rows) -> None:
    base = call(full_api, "POST", "knowledge", status=201, json={"name": "mine"})["id"]
    path = f"knowledge/{base}/documents"
    for what, words in (
        ("knowledge_documents", "An account has at most 0 documents in its knowledge bases."),
        ("knowledge_bytes", "An account has at most 0 bytes of documents in its knowledge bases."),
    ):
        fill(rows, account, what)

        refused = call(full_api, "POST", path, status=403, json={"name": "a", "text": "Herons."})

        assert (refused["error"]["code"], refused["error"]["message"]) == ("used_up", words)
        rows.change(f"UPDATE conversations_account SET max_{what} = NULL WHERE name = %s", account)
    assert call(full_api, "GET", path)["results"] == []
    fill(rows, account, "knowledge_bases")
    refused = call(full_api, "POST", "knowledge", status=403, json={"name": "more"})
    assert refused["error"]["message"] == "An account has at most 0 knowledge bases."


def test_openais_sdk_does_not_repeat_a_refusal_for_a_quota(
    service: Service, full_api: Api, account: str, rows: Rows
) -> None:
    fill(rows, account, "conversations")
    client = OpenAI(base_url=f"{service.base_url}/v1", api_key=full_api.key, max_retries=2)

    with client, pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(
            model="echo",
            messages=[{"role": "user", "content": "Hi"}],
            extra_headers={"X-Conversation-Id": new_id()},
        )

    assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "Retry-After" not in refused.value.response.headers


def test_no_idempotency_key_is_stored_above_its_quota(full_api: Api, account: str, rows: Rows) -> None:
    fill(rows, account, "idempotency_keys")
    before = rows.counts()

    response = full_api.post({"model": "echo", "question": "Hi"}, headers={"Idempotency-Key": new_id()})

    assert refusal(response) == (403, "used_up", NO_KEYS)
    assert rows.counts() == before


def test_no_endpoint_is_made_above_its_quota(full_api: Api, account: str, rows: Rows, receiver: Receiver) -> None:
    make(full_api, receiver.url)
    fill(rows, account, "webhook_endpoints")

    body = {"url": receiver.url, "events": ["*"]}
    refused = call(full_api, "POST", "webhook_endpoints", status=403, json=body)

    assert refused["error"] == {"code": "used_up", "message": "An account has at most 0 webhook endpoints."}
    assert len(call(full_api, "GET", "webhook_endpoints")["results"]) == 1
