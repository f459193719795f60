"""Journey: odd requests with a client token where it may come: clearly answered, and nothing is changed."""

import base64
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from tests.journeys.client_tokens.browsers import Browser, Customer, code_of
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, new_id

LIST = "/api/v1/conversations"
UTF8_OF_FOUR_BYTES = "\U0001f600"


@pytest.fixture(scope="module")
def browser(customer: Customer) -> Browser:
    return customer.browser(new_id(), requests_per_minute=3_000)


@pytest.fixture(scope="module")
def thread(browser: Browser, helper: str) -> str:
    answer = browser.aichat(helper, "Hello", stateful=True)
    assert answer.status_code == 200, answer.text
    return f"{LIST}/{answer.json()['id']}"


@pytest.fixture
def fresh(customer: Customer) -> Browser:
    """Of a visitor that has sent nothing: a list is five of the 120 requests of a minute."""
    return customer.browser(new_id())


def patch(browser: Browser, thread: str, raw: bytes, **headers: str) -> tuple[int, str | int]:
    sent = {"Authorization": f"Bearer {browser.token}", "Content-Type": "application/json", **headers}
    answer = requests.patch(browser.base_url + thread, data=raw, headers=sent, timeout=TIMEOUT_SECONDS)
    return (200, "") if answer.status_code == 200 else code_of(answer)


@pytest.mark.parametrize(
    "raw",
    [
        *(rb'{"title": "a\ud800"}', rb'{"title": "\u0000"}', b'{"title": "\xff"}', b'{"title": "a"', b"", b"null"),
        *(
            b'{"title": NaN}',
            b'{"title": {"a": 1}}',
            b'{"title": ["a"]}',
            b'{"archived": "yes"}',
            b'{"archived": 1e999}',
        ),
        b'{"title": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"title": "' + b"x" * 5_000 + b'"}',
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_no_odd_title_is_stored(browser: Browser, thread: str, raw: bytes) -> None:
    before = browser.request("GET", thread)

    assert patch(browser, thread, raw) == (400, "bad_request")

    assert browser.request("GET", thread).json() == before.json()


def test_a_title_is_one_line_of_any_words(browser: Browser, thread: str) -> None:
    for title, stored in (("\u202e\u2066a\r\nb\x1b", None), (UTF8_OF_FOUR_BYTES * 200, UTF8_OF_FOUR_BYTES * 200)):
        answer = browser.request("PATCH", thread, body={"title": title})
        assert answer.status_code == 200, answer.text
        shown = answer.json()["title"]
        assert shown == (stored or shown)
        assert shown.isprintable()


@pytest.mark.parametrize(
    "tag",
    ['"999999999999"', '"-1"', '"0" "1"', '"' + "1" * 4_000 + '"', "*, *", "W/*", "\xff", ", ".join(['"7"'] * 500)],
)
def test_no_odd_etag_matches(browser: Browser, thread: str, tag: str) -> None:
    assert patch(browser, thread, b'{"title": "late"}', **{"If-Match": tag}) == (412, "precondition_failed")


def cursor(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


CURSORS = [
    *("", "x", "ä", "W" * 5_000, cursor(b"[]"), cursor(b'[1,"",""'), cursor(b'[true,"",""]'), cursor(b'[1e400,"",""]')),
    *(
        cursor(b'[1,"nobody",""]'),
        cursor(b'["now","",""]'),
        cursor(b'[-1,"",""]'),
        cursor(b'[99999999999999999999,"",""]'),
    ),
    *(cursor(b'[1,["a"],""]'), cursor(b'[1,"a\\u0000",""]'), cursor(b"[" * 1_000)),
]


@pytest.mark.parametrize("given", CURSORS, ids=lambda given: given[:16])
def test_a_forged_cursor_is_refused(fresh: Browser, given: str) -> None:
    assert code_of(fresh.request("GET", LIST, params={"cursor": given})) == (400, "bad_request")


@pytest.mark.parametrize(
    "query",
    [{"archived": "TRUE"}, {"archived": ""}, {"limit": "0"}, {"limit": "1e3"}, {"limit": "9" * 40}, {"limit": "١"}],
    ids=str,
)
def test_an_odd_query_is_refused(fresh: Browser, query: dict[str, str]) -> None:
    assert code_of(fresh.request("GET", LIST, params=query)) == (400, "bad_request")


def test_other_methods_and_paths_are_answered_as_elsewhere(browser: Browser, thread: str) -> None:
    asked = {
        (method, path): browser.request(method, path).status_code
        for method, path in [
            *(("OPTIONS", thread), ("PUT", thread), ("POST", LIST), ("TRACE", LIST), ("DELETE", f"{thread}/messages")),
            *(("GET", f"{thread}/"), ("GET", f"{LIST}/"), ("GET", f"{LIST}//x"), ("GET", f"{thread}/messages/msg_1")),
        ]
    }

    assert {status for (_, path), status in asked.items() if path in (thread, LIST, f"{thread}/messages")} == {405}
    assert {status for (_, path), status in asked.items() if path not in (thread, LIST, f"{thread}/messages")} == {404}


def raw_status(browser: Browser, *headers: tuple[str, str], query: str = "") -> int:
    """Headers as they are, also one twice, which requests cannot send."""
    connection = HTTPConnection(browser.base_url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
    connection.putrequest("GET", f"{LIST}{query}")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_credentials_that_are_sent_twice_are_one_or_refused(customer: Customer, fresh: Browser) -> None:
    one, two = f"Bearer {fresh.token}", f"Bearer {customer.sign('another')}"
    name = "Authorization"

    assert raw_status(fresh, (name, one)) == 200
    assert raw_status(fresh, (name, one), (name, two)) == 401
    assert raw_status(fresh, (name, one), (name, f"Bearer {customer.api.key}")) == 401
    assert raw_status(fresh, (name, f"{one}, {two}")) == 401
    assert raw_status(fresh, query=f"?access_token={fresh.token}&access_token={fresh.token}") == 200
    assert raw_status(fresh, query=f"?access_token={fresh.token}&access_token={two[7:]}") == 401
    assert raw_status(fresh, query=f"?access_token={fresh.token}&access_token=") == 401


CLAIMS: dict[str, Callable[[], dict[str, Any]]] = {
    "a fraction of a second ago": lambda: {"exp": time.time() - 0.2, "iat": int(time.time()) - 9},
    "a number too long for a machine": lambda: {"exp": 10**30},
    "a float too large": lambda: {"exp": 1e300},
    "a text": lambda: {"exp": str(int(time.time()) + 60)},
    "beyond the leeway": lambda: {"iat": int(time.time()) + 120},
    "nested": lambda: {"sub": {"a": [{}]}},
}


@pytest.mark.parametrize("claims", CLAIMS)
def test_odd_claims_are_refused(customer: Customer, claims: str) -> None:
    browser = Browser(customer.api.base_url, customer.sign(**CLAIMS[claims]()))

    assert browser.request("GET", LIST).status_code == 401


def test_visitors_are_told_apart_by_their_characters(customer: Customer, helper: str) -> None:
    """Neither joined by a normal form nor cut to a number of bytes."""
    composed, decomposed, long = "\u00e9", "e\u0301", UTF8_OF_FOUR_BYTES * 128
    prefix = new_id()
    for sub in (f"{prefix}{composed}", long):
        assert customer.browser(sub).aichat(helper, "Hi", stateful=True).status_code == 200

    assert customer.browser(f"{prefix}{composed}").request("GET", LIST).json()["results"]
    assert customer.browser(f"{prefix}{decomposed}").request("GET", LIST).json()["results"] == []
    assert customer.browser(long).request("GET", LIST).json()["results"]
    assert customer.browser(long[:-1]).request("GET", LIST).json()["results"] == []
