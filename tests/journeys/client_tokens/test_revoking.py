"""Journey: one browser is signed out, or a visitor everywhere, or with its key; the others go on."""

import requests

from tests.journeys.client_tokens.browsers import Browser, Customer, call, code_of
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, new_id
from tests.waiting import eventually

LIST = "/api/v1/conversations"


def is_taken(browser: Browser) -> bool:
    """Also where its visitor has asked for too much: who asks is looked at first."""
    answer = browser.request("GET", LIST)
    assert answer.status_code in (200, 401, 429), answer.text
    return answer.status_code != 401


def revoke(customer: Customer, **what: str) -> requests.Response:
    url = f"{customer.api.base_url}/api/v1/client_tokens/revoke"
    return requests.post(url, json=what, headers=customer.api.headers, timeout=TIMEOUT_SECONDS)


def test_a_token_and_a_visitor_are_ended(customer: Customer) -> None:
    visitor = new_id()
    minted = call(customer.api, "POST", "client_tokens", {"visitor": visitor}, status=201)
    phone, laptop = Browser(customer.api.base_url, minted["token"]), customer.browser(visitor)
    other = customer.browser(new_id())
    assert [is_taken(one) for one in (phone, laptop, other)] == [True, True, True]

    assert revoke(customer, id=minted["id"]).status_code == 204
    eventually(lambda: not is_taken(phone), bool)
    assert is_taken(laptop)

    assert revoke(customer, visitor=visitor).status_code == 204
    eventually(lambda: not is_taken(laptop), bool)
    assert is_taken(other)


def test_what_cannot_be_ended_is_refused(customer: Customer) -> None:
    for what in ({}, {"visitor": "v", "id": "t"}, {"visitor": " "}, {"id": "t\x00"}, {"id": "t" * 129}):
        assert code_of(revoke(customer, **what)) == (400, "bad_request")
    assert code_of(customer.browser().request("POST", "/api/v1/client_tokens/revoke", body={"visitor": "v"}))[0] == 403
