"""Journey: every way in which the chat refuses, in the one envelope, and that nothing is stored for it."""

from typing import Any

import pytest
import requests

from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import new_id
from tests.journeys.clients.yuju import PATH, Yuju, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

NO_PERMISSION = "没有权限"
NO_CALLS = "API请求次数不足"
MODEL = "gpt-4o-mini"

untouched = pytest.mark.usefixtures("nothing_stored_or_asked")


@untouched
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"apiKey": ""},
        {"apikey": "sk-x"},
        {"apiKey": "nobody"},
        {"apiKey": "sk-nobody-has-this-key"},
        {"apiKey": "密"},
    ],
)
def test_a_missing_or_wrong_key_is_401(yuju: Yuju, params: dict[str, str]) -> None:
    response = requests.post(yuju.url(), params=params, json={"content": "Hi"}, timeout=30)

    assert refusal(response) == (401, NO_PERMISSION)


@untouched
def test_a_revoked_key_is_401(service: Service, rows: Rows) -> None:
    account = new_id()
    key = service.create_key(account)
    rows.change(
        "UPDATE conversations_apikey SET revoked_at = now() "
        "WHERE account_id = (SELECT id FROM conversations_account WHERE name = %s)",
        account,
    )

    assert refusal(Yuju(service.base_url, key).ask("Hi")) == (401, NO_PERMISSION)


@pytest.mark.parametrize("options", [("--balance", "0"), ("--calls", "0"), ("--balance", "5", "--calls", "0")])
@untouched
def test_what_is_used_up_is_402(service: Service, options: tuple[str, ...]) -> None:
    yuju = Yuju(service.base_url, service.manage("create_key", "--account", new_id(), *options).strip())

    for stream in (False, True):
        assert refusal(yuju.ask("Hi", chatMode=MODEL, stream=stream)) == (402, NO_CALLS)


BAD_FIELDS: list[dict[str, Any]] = [
    {"temperature": "warm"},
    {"temperature": "nan"},
    {"temperature": True},
    {"temperature": 3},
    {"temperature": [1]},
    {"max_tokens": "1e999"},
    {"max_tokens": "٣"},
    {"max_tokens": "0"},
    {"max_tokens": 1.5},
    {"ibotID": "asst_nobody"},
    {"ibotID": 1.5},
    {"ibotID": True},
    {"ibotID": ["asst_1"]},
    {"ibotID": "x" * 41},
    {"visitorId": True},
    {"visitorId": 1e300},
    {"visitorId": "x" * 129},
    {"visitorId": {}},
    {"chatMode": "no-such-model"},
    {"chatMode": "assistant:asst_1"},
    {"chatMode": "text-embedding-3-small"},
    {"chatMode": "x" * 201},
    {"intention": "intent_1"},
    {"intention": [1.5]},
    {"intention": ["i"] * 33},
    {"tools": "tool_1"},
    {"tools": [None]},
    {"tools": ["t"] * 33},
    {"knowledge": ["kb_1"]},
    {"handler_type": "none"},
    {"handler_type": 1},
    {"handler_type": "fix"},
    {"handler_type": "fix", "fix_content": " "},
    {"fix_content": "x" * 20_001},
    {"fielditem": "name"},
    {"fielditem": [1]},
    {"fielditem": {"n": "x" * 20_000}},
    {"fielditem": {str(n): n for n in range(65)}},
    {"search": "yes"},
    {"stream": 1},
    {"return_format": 1},
    {"system": ["Be brief."]},
    {"async": 1},
    {"callback_url": "ftp://example.com/"},
]
BAD: list[Any] = [
    {},
    {"content": ""},
    {"content": "  \n"},
    {"content": None},
    {"content": 1},
    {"content": ["Hi"]},
    {"content": {"text": "Hi"}},
    {"content": "a\x00b"},
    *({"content": "Hi", **fields} for fields in BAD_FIELDS),
]


@untouched
@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body)[:60])
def test_a_bad_body_is_400(yuju: Yuju, body: Any) -> None:
    assert refusal(yuju.post(body))[0] == 400


@untouched
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"null", b"content=Hi", b'{"content": NaN}', b'{"content": "\xff"}',
     b'{"content":"\\ud800"}', b'{"content":"Hi","fielditem":' + b'{"a":' * 150 + b"1" + b"}" * 151],
    ids=lambda body: body[:30],
)  # fmt: skip
def test_a_body_that_is_no_object_of_json_is_400(yuju: Yuju, body: bytes) -> None:
    assert refusal(yuju.post(body))[0] == 400


@untouched
@pytest.mark.parametrize(
    "headers", [{"X-On-Busy": "wait"}, {"X-Max-Cost": "much"}, {"X-Dry-Run": ""}, {"Idempotency-Key": "x" * 300}]
)
def test_a_header_without_meaning_is_400(yuju: Yuju, headers: dict[str, str]) -> None:
    assert refusal(yuju.ask("Hi", headers=headers))[0] == 400


@untouched
@pytest.mark.parametrize("path", ["/v1/openapi", "/v1/openapi/", "/v1/openapi/chat/more", "/v1/openapi/Chat"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_path_is_404(yuju: Yuju, path: str, method: str) -> None:
    response = requests.request(method, yuju.url(path), params={"apiKey": yuju.key}, json={"content": "Hi"}, timeout=30)

    assert refusal(response)[0] == 404


@untouched
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_another_method_is_405_and_says_which_is_right(yuju: Yuju, path: str, method: str) -> None:
    response = requests.request(method, yuju.url(path), params={"apiKey": yuju.key}, timeout=30)

    assert refusal(response)[0] == 405
    assert response.headers["Allow"] == "POST"


@untouched
def test_a_body_that_is_too_large_is_413(yuju: Yuju) -> None:
    assert refusal(yuju.post(b'{"content":"' + b"x" * 25_000_000 + b'"}'))[0] == 413


@untouched
@pytest.mark.parametrize("query", ["apiKey=%00", "apiKey=sk-x&x=%00"])
def test_a_nul_in_the_query_is_400(yuju: Yuju, query: str) -> None:
    assert refusal(requests.post(f"{yuju.url()}?{query}", json={"content": "Hi"}, timeout=30))[0] == 400


@pytest.mark.parametrize("stream", [False, True])
def test_a_vendor_that_fails_is_500_before_the_first_word(yuju: Yuju, upstream: FakeUpstream, stream: bool) -> None:
    upstream.on_model(MODEL, fails(500))

    assert refusal(yuju.ask("Hi", chatMode=MODEL, stream=stream))[0] == 500


def test_a_vendor_that_breaks_off_is_the_envelope_inside_the_stream(yuju: Yuju, upstream: FakeUpstream) -> None:
    upstream.on_model(MODEL, says("你", "好").apart().cut_after(2))

    *words, last = yuju.events("Hi", chatMode=MODEL)

    assert "".join(event["desc"] for event in words) == "你"
    assert (last["Code"], last["Data"], bool(last["Msg"])) == (500, None, True)
