"""Journey: whatever a sibling of the chat is sent, it answers or refuses in the envelope, and a refusal leaves nothing.

A request is a good one, of which a field or two are something else.
"""

import json
from typing import Any, NamedTuple

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import Json
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju
from tests.journeys.rows import Rows
from tests.model.any_bytes.mutation import KNOWN

EXAMPLES = 400
TIMEOUT_SECONDS = 60
# What of its account a refused request may not add to.
KEPT = ("visitor", "document", "run", "message", "conversation", "toolcall", "idempotencykey", "ledgerentry")


class Sibling(NamedTuple):
    """`{…}` in its path is an id of a thing there is, and so is a value of that form."""

    method: str
    path: str
    query: Json
    body: Json


FILTER = {"filter_key": "name", "filter_condition": "begin_with", "filter_value": "王"}
SIBLINGS = (
    Sibling("GET", "check", {}, {}),
    Sibling("GET", "aibot-list", {}, {}),
    Sibling("GET", "chat_models", {"ibotID": "{assistant}"}, {}),
    Sibling("GET", "balance", {}, {}),
    Sibling("GET", "intentions", {}, {}),
    Sibling("GET", "cost/details", {"start_at": "1700000000", "end_at": "2030-01-01", "cost_type": "token"}, {}),
    Sibling("GET", "cost/details", {"msg_id": "x", "ibot_id": "{assistant}", "cursor": "x"}, {}),
    Sibling("GET", "contacts", {"contact_id": "{contact}"}, {}),
    Sibling("POST", "contacts", {}, {"filter": [FILTER], "page": 1}),
    Sibling(
        "POST", "contacts/add", {}, {"contact": {"name": "王"}, "channel": "api", "company": {}, "custom": {"a": "b"}}
    ),
    Sibling("PUT", "contacts", {}, {"contact_id": "{contact}", "contact": {"name": "李"}, "custom": {"a": "c"}}),
    Sibling("DELETE", "contacts", {}, {"contact_id": "gone"}),
    Sibling(
        "GET",
        "chat/record",
        {"contact_id": "{contact}", "start_date": "2026-01-01", "end_date": "2026-02-01 10:00:00"},
        {},
    ),
    Sibling("POST", "send-to-user", {}, {"user_id": "{contact}", "bot_id": "{assistant}", "content": "你好"}),
    Sibling("GET", "kbs-list", {"name": "鸟"}, {}),
    Sibling("GET", "kbs/file/list", {"kbs": "{base}", "page": "1", "page_size": "5"}, {}),
    Sibling("GET", "kbs-content", {"kbs": "{base}", "key_world": "苍鹭", "count": "3"}, {}),
    Sibling("POST", "kbs-add-content/{base}", {}, {"c_type": 1, "content": "苍鹭", "title": "鸟"}),
    Sibling("POST", "kbs-add-content/{base}", {}, {"c_type": "3", "file_url": "{url}", "title": "鸟"}),
    Sibling("PUT", "kbs-update-content", {}, {"repo_id": "{base}", "file_id": "{file}", "file_url": "{url}"}),
    Sibling("GET", "exposed", {}, {}),
    Sibling("GET", "exposed/logs", {"limit": "5", "cursor": "x"}, {}),
    Sibling(
        "POST", "exposed/{tool}/execute", {}, {"instructions": "Go", "ibotID": "{assistant}", "preview_only": True}
    ),
)
ODD_TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "x\udfff", "\u2028\u202e", "%", "_", "\\", "'", "..", "a/b", "\r\nX: y"),
    *("nan", "-1", "1e400", "9" * 30, "0001-01-01", "9999-12-31 23:59:59", "2026-13-45", "true", "3"),
    *("====", "/wA=", "字" * 2_000, "file:///etc/passwd", "http://[::1", "http://a\0b/", "http://" + "a" * 3_000),
)
ODD: tuple[Any, ...] = (
    *ODD_TEXTS,
    *(None, True, False, 0, -1, 0.5, 1e308, 10**18, 2**63, [], [None], [[]], ["x"] * 400, {}, {"": ""}, {"\0": 1}),
    *({"a": {"b": [1]}}, {"x" * 500: "y" * 500}, [FILTER | {"filter_value": "\0"}], [FILTER | {"filter_key": {}}]),
)
# In the place of a body.
RAW = (
    *(b"", b"null", b"[]", b"1", b'"', b"\xff\xfe", b"\0", b"\xef\xbb\xbf{}", b'{"content":NaN}', b'{"content":1e400}'),
    *(b"{" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"9" * 100_000),
    *(
        b'{"content":"\\u0000"}',
        b'{"content":"\\ud800"}',
        b'--x\r\nContent-Disposition: form-data; name="c_type"\r\n\r\n1',
    ),
)
CONTENT_TYPES = (
    *("application/json", "application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded"),
    *("multipart/form-data", "multipart/form-data; boundary=x", "", "x" * 300),
)


@st.composite
def odd_requests(draw: st.DrawFn) -> tuple[Sibling, list[tuple[str, Any]], bytes, str]:
    """A sibling, its query, its body and what the body calls itself."""
    sibling = draw(st.sampled_from(SIBLINGS))
    names = st.sampled_from([*sibling.query, *sibling.body, "page"])
    odd = draw(st.dictionaries(names, st.sampled_from(ODD), max_size=2))
    query = {**sibling.query, **{name: value for name, value in odd.items() if name not in sibling.body}}
    twice = draw(st.lists(st.sampled_from([*query, "limit"]), max_size=1))
    fields = {**sibling.body, **{name: value for name, value in odd.items() if name in sibling.body}}
    # Not by orjson, which writes no lone surrogates.
    body = draw(st.sampled_from(RAW)) if draw(st.integers(0, 4)) == 0 else json.dumps(fields).encode()
    pairs = [*query.items(), *((name, "2") for name in twice)]
    return sibling, pairs, body, draw(st.sampled_from(("application/json",) * 8 + CONTENT_TYPES))


@pytest.fixture
def things(siblings: Yuju, new_api: Api, receiver: Receiver) -> Json:
    """What an account has, by the names in `SIBLINGS`."""
    receiver.default = answers(200, "苍鹭".encode(), {"Content-Type": "text/plain"})
    base = call(new_api, "POST", "knowledge", status=201, json={"name": "鸟"})["id"]
    added = siblings.data("POST", f"kbs-add-content/{base}", json={"c_type": 1, "content": "苍鹭", "title": "first"})
    return {
        "base": base,
        "file": added["file_id"],
        "contact": siblings.data("POST", "contacts/add", json={"contact": {"name": "王"}})["id"],
        "assistant": call(new_api, "POST", "assistants", status=201, json={"name": "助手", "model": "echo"})["id"],
        "tool": tools.make(new_api, receiver.url)["id"],
        "url": receiver.url,
    }


def filled(text: str, things: Json) -> str:
    """With the things in the place of their names."""
    for name, value in things.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_a_sibling_answers_or_refuses_and_keeps_nothing_it_refuses(siblings: Yuju, things: Json, rows: Rows) -> None:
    own = f"SELECT account_id FROM conversations_document WHERE public_id = '{things['file']}'"
    counts = ", ".join(
        f"(SELECT count(*) FROM conversations_{table} WHERE account_id = ({own})) AS {table}" for table in KEPT
    )

    @settings(KNOWN, max_examples=EXAMPLES)
    @given(odd_requests())
    def attempt(sent: tuple[Sibling, list[tuple[str, Any]], bytes, str]) -> None:
        sibling, query, body, content_type = sent
        pairs = [(name, filled(str(value), things).encode("utf-8", "surrogatepass")) for name, value in query]
        before = rows.all(f"SELECT {counts}")
        response = requests.request(
            sibling.method,
            siblings.url(f"/v1/openapi/{filled(sibling.path, things)}"),
            params=[("apiKey", siblings.key.encode()), *pairs],
            data=filled(body.decode("latin-1"), things).encode("latin-1"),
            headers={"Content-Type": content_type},
            timeout=TIMEOUT_SECONDS,
        )
        assert response.status_code < 500, (sent, response.text)
        assert response.json().keys() == {"Code", "Msg", "Data"}, sent
        assert response.ok or rows.all(f"SELECT {counts}") == before, (sent, response.text)

    attempt()
