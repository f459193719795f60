"""Journey: what a browser may not choose, and where no client token may come. Nothing of it is stored or asked."""

from typing import Any

import pytest
import requests
from django.urls import get_resolver

from conversations.views.schema.docs_page import DocsView
from conversations.views.schema.document import DocumentView
from tests.journeys.client_tokens.browsers import Browser, Customer, code_of
from tests.journeys.routes import METHODS, routes
from tests.journeys.rows import Rows
from tests.journeys.service import Service

YUJU: list[dict[str, Any]] = [
    {"visitorId": "another"},
    {"visitorId": "Own"},
    {"system": "Tell me everything."},
    {"chatMode": "echo"},
    {"chatMode": "no-such-model"},
    {"temperature": "0.1"},
    {"max_tokens": 9},
    {"knowledge": "kb_1"},
    {"search": True},
    {"tools": ["tool_1"]},
    {"intention": ["intent_1"]},
    {"handler_type": "web_search"},
    {"handler_type": "fix", "fix_content": "mine"},
    {"fix_content": "mine"},
    {"visitorId": "own", "fielditem": {"name": "Somebody"}},
    {"async": True},
    {"callback_url": "http://127.0.0.1:9/"},
]
AICHAT: list[dict[str, Any]] = [
    {"model": "echo"},
    {"model": "no-such-model"},
    {"preset": "You are mine."},
    {"preset": ""},
    {"knowledge": "kb_1"},
    {"search": True},
    {"tools": ["tool_1"]},
    {"async": True},
    {"callback_url": "http://127.0.0.1:9/"},
]
OPENAI: list[dict[str, Any]] = [
    {"model": "echo"},
    {"model": "no-such-model"},
    {"user": "another"},
    {"user": "Own"},
    {"messages": [{"role": "system", "content": "mine"}, {"role": "user", "content": "Hi"}]},
    {"messages": [{"role": "developer", "content": "mine"}, {"role": "user", "content": "Hi"}]},
    {"messages": [{"role": "system", "content": "mine"}, {"role": "user", "content": "Hi"}], "store": True},
    {"temperature": 0.1},
    {"max_tokens": 9},
    {"n": 2},
    {"knowledge": ["kb_1"]},
    {"tool_ids": ["tool_1"]},
    {"web_search_options": {}},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
    {"response_format": {"type": "json_object"}},
    {"something_of_the_vendors": 1},
    {"async": True},
]
# Anybody may read them, without a key.
PUBLIC = (DocumentView, DocsView)


@pytest.fixture
def browser(customer: Customer) -> Browser:
    return customer.browser("own", requests_per_minute=3_000)


def named(fields: dict[str, Any]) -> str:
    return str(fields)[:60]


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("fields", YUJU, ids=named)
def test_yuju_refuses(browser: Browser, helper: str, fields: dict[str, Any]) -> None:
    assert code_of(browser.yuju(ibotID=helper, **fields)) == (403, 403)


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("fields", AICHAT, ids=named)
def test_aichat_refuses(browser: Browser, helper: str, fields: dict[str, Any]) -> None:
    assert code_of(browser.aichat(helper, **fields)) == (403, "forbidden")


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("fields", OPENAI, ids=named)
def test_openai_refuses(browser: Browser, helper: str, fields: dict[str, Any]) -> None:
    assert code_of(browser.openai(helper, **fields)) == (403, "missing_scope")


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_dry_run_would_show_the_prompt(browser: Browser, helper: str) -> None:
    assert browser.openai(helper, headers={"X-Dry-Run": "true"}).status_code == 403


def test_what_chooses_nothing_is_taken(browser: Browser, helper: str) -> None:
    answers = [
        browser.yuju(ibotID=helper, visitorId="own", search=False, tools=[], return_format="markdown", system=""),
        browser.yuju(ibotID=helper, handler_type="custom", knowledge="", chatMode=None),
        browser.aichat(helper, search=False, knowledge=[], stateful=False),
        browser.openai(helper, user="own", metadata={"page": "1"}, stream=True),
        browser.openai(helper, user=""),
        browser.request(
            "POST",
            "/v1/chat/completions",
            body={
                "model": f"assistant:{helper}",
                "messages": [
                    {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hello"},
                    {"role": "user", "content": "你好"},
                ],
            },
        ),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6, [answer.text for answer in answers]


def test_every_other_route_refuses_a_client_token(customer: Customer, rows: Rows) -> None:
    browser, before = customer.browser(), rows.counts()
    refused = {
        (path, method): browser.request(method, f"/{path}", params={"access_token": browser.token})
        for path, view in routes(get_resolver().url_patterns)
        if view is not None and view.client_scope is None and view not in PUBLIC
        for method in METHODS
        if hasattr(view, method)
    }

    assert len(refused) > 60
    assert {where: answer.status_code for where, answer in refused.items() if answer.status_code != 403} == {}
    assert rows.counts() == before


@pytest.mark.parametrize("scope", ["aichat", "openai", "yuju", "runs"])
def test_a_token_without_a_scope_is_refused_where_it_is_needed(customer: Customer, helper: str, scope: str) -> None:
    browser = customer.browser(scopes=[one for one in ("aichat", "openai", "yuju", "runs") if one != scope])

    answers = {
        "aichat": browser.aichat(helper).status_code,
        "openai": browser.openai(helper).status_code,
        "yuju": browser.yuju(ibotID=helper).status_code,
        # Of nobody: whoever may ask for it learns that.
        "runs": browser.run("run_0").status_code,
    }

    assert answers == {"aichat": 200, "openai": 200, "yuju": 200, "runs": 404} | {scope: 403}


def test_a_key_mints_no_token_that_may_do_more_than_it(customer: Customer, service: Service) -> None:
    def mint(*options: str, **fields: Any) -> requests.Response:
        key = service.create_key(customer.name, *options)
        return requests.post(
            f"{customer.api.base_url}/api/v1/client_tokens",
            json={"visitor": "v1", **fields},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )

    of_yuju = ("--scope=api", "--scope=yuju")
    assert mint(*of_yuju).json()["scopes"] == ["yuju", "runs", "conversations"]
    assert code_of(mint(*of_yuju, scopes=["openai"])) == (403, "forbidden")
    assert code_of(mint("--model=echo*")) == (403, "forbidden")
    assert mint("--requests-per-minute=3", requests_per_minute=50).json()["requests_per_minute"] == 3
    assert code_of(mint("--scope=yuju")) == (403, "forbidden")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"visitor": ""},
        {"visitor": " \u3000"},
        {"visitor": 7},
        {"visitor": "v" * 129},
        {"visitor": "v", "expires_in": 0},
        {"visitor": "v", "expires_in": 86_401},
        {"visitor": "v", "expires_in": 1e300},
        {"visitor": "v", "expires_in": True},
        {"visitor": "v", "scopes": ["api"]},
        {"visitor": "v", "scopes": [[]]},
        {"visitor": "v", "assistant": "asst_0"},
        {"visitor": "v", "assistant": "a" * 41},
        {"visitor": "v", "requests_per_minute": 0},
    ],
    ids=named,
)
def test_minting_refuses_what_no_token_can_say(customer: Customer, fields: dict[str, Any]) -> None:
    answer = requests.post(
        f"{customer.api.base_url}/api/v1/client_tokens", json=fields, headers=customer.api.headers, timeout=30
    )

    assert code_of(answer)[0] == 400


@pytest.mark.parametrize("raw", [rb'{"visitor":"a\u0000b"}', rb'{"visitor":"\ud800"}', b'{"visitor":"\xff"}'])
def test_minting_refuses_what_cannot_be_stored(customer: Customer, raw: bytes) -> None:
    answer = requests.post(
        f"{customer.api.base_url}/api/v1/client_tokens", data=raw, headers=customer.api.headers, timeout=30
    )

    assert code_of(answer)[0] == 400
