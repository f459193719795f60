"""Journey: what a newcomer sends from the documents, and the one public client's body."""

import re
from uuid import UUID

import httpx
import pytest
import requests

from tests.journeys.clients.yuju import Yuju


def test_a_question_alone_is_answered_by_the_default_assistant(yuju: Yuju) -> None:
    response = requests.post(yuju.url(), params={"apiKey": yuju.key}, json={"content": "今天的日期"}, timeout=30)

    answer = response.json()
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert list(answer) == ["desc", "content", "msgKey", "visitorId", "source", "usage"]
    assert answer["desc"] == answer["content"] == "[echo] Received 1 message. The last question: 今天的日期"
    assert (answer["source"], answer["usage"], answer["visitorId"]) == ([], {"total_cost": 0.0}, None)
    assert re.fullmatch(r"api_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["msgKey"])
    assert f"run_{UUID(answer['msgKey'][4:]).hex}" == response.headers["X-Run-Id"]
    assert "X-Conversation-Id" not in response.headers


@pytest.mark.parametrize("path", ["/v1/openapi/chat", "/v1/openapi/chat/"])
def test_httpx_asks_with_and_without_a_slash_at_the_end(yuju: Yuju, path: str) -> None:
    answer = httpx.post(yuju.url(path), params={"apiKey": yuju.key}, json={"content": "Hi"}, timeout=30)

    assert answer.status_code == 200
    assert answer.json()["desc"].endswith("Hi")
