"""Journey: what strangers, visitors and thieves try with client tokens. All of it is refused, none of it is logged."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
import pytest
import requests

from tests.journeys.client_tokens.browsers import SCOPES, Browser, Customer, call, code_of
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.service import Service
from tests.waiting import eventually

URLS = ("/v1/openapi/chat", "/v1/chat/completions", "/aichat/conversations")


def everywhere(customer: Customer, token: str) -> set[int]:
    """The statuses of all families, and of reading a run."""
    browser = Browser(customer.api.base_url, token)
    asked = [browser.request("POST", path, body={}) for path in URLS]
    by_query = [browser.yuju(), browser.run("run_0"), browser.run("run_0", stream=True)]
    return {answer.status_code for answer in [*asked, *by_query]}


FORGED: dict[str, Callable[[Customer, Customer], str]] = {
    "no signature": lambda own, _: jwt.encode({"iss": own.account, "sub": "v1"}, "", algorithm="none"),
    "another secret": lambda own, _: own.sign(secret="a" * 48),
    "another account's secret": lambda own, other: own.sign(secret=other.secret),
    "another account": lambda own, other: own.sign(iss=other.account),
    "an account that nobody has": lambda own, _: own.sign(iss="acc_0"),
    "no account": lambda own, _: own.sign(iss=None),
    "an account with a NUL": lambda own, _: own.sign(iss="acc_\x00"),
    "its key as the secret": lambda own, _: own.sign(secret=own.api.key),
    "another algorithm": lambda own, _: jwt.encode({"iss": own.account}, own.secret * 2, algorithm="HS512"),
    "no end": lambda own, _: own.sign(exp=None),
    "an end too far away": lambda own, _: own.sign(life=86_401),
    "no beginning": lambda own, _: own.sign(iat=None),
    "a beginning in the future": lambda own, _: own.sign(iat=int(time.time()) + 3_600, life=7_200),
    "its end is past": lambda own, _: own.sign(iat=int(time.time()) - 600, life=-1),
    "an end that is no number": lambda own, _: own.sign(exp="tomorrow"),
    "no visitor": lambda own, _: own.sign(sub=None),
    "a visitor with a NUL": lambda own, _: own.sign("v\x00"),
    "half a character": lambda own, _: own.sign("v\ud800"),
    "a visitor that is too long": lambda own, _: own.sign("v" * 129),
    "a visitor that is a list": lambda own, _: own.sign(sub=["v1"]),
    "a scope of keys": lambda own, _: own.sign(scopes=["api"]),
    "too long": lambda own, _: own.sign(more="x" * 4_000),
    "cut off": lambda own, _: own.sign()[:-2],
    "nothing but dots": lambda own, _: "eyJ..",
}


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_token_is_refused_everywhere(customer: Customer, other: Customer, forgery: str) -> None:
    assert everywhere(customer, FORGED[forgery](customer, other)) == {401}


def test_a_token_is_of_the_account_that_signed_it(customer: Customer, other: Customer, helper: str) -> None:
    """Also where the other account has a visitor of the same id."""
    mine = customer.browser("same").yuju("mine", ibotID=helper)
    stranger = other.browser("same")

    assert code_of(stranger.yuju(ibotID=helper))[0] == 400
    assert code_of(stranger.run(mine.headers["X-Run-Id"]))[0] == 404
    theirs = other.assistant()
    assert code_of(stranger.aichat(theirs, id=mine.headers["X-Conversation-Id"]))[0] == 404
    assert stranger.yuju(ibotID=theirs).json()["desc"] == "[echo] Received 1 message. The last question: Hi"


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_different_keys_in_one_request_are_refused(customer: Customer) -> None:
    url = f"{customer.api.base_url}/v1/openapi/chat"
    key, one, two = customer.api.key, customer.sign("v1"), customer.sign("v2")

    def ask(query: list[tuple[str, str]], header: str = "") -> int:
        headers = {"Authorization": f"Bearer {header}"} if header else {}
        return requests.post(url, params=query, json={"content": "Hi"}, headers=headers, timeout=30).status_code

    asked = [
        ask([("apiKey", one), ("apiKey", two)]),
        ask([("apiKey", key), ("apiKey", one)]),
        ask([("apiKey", one)], header=key),
        ask([("apiKey", key)], header=one),
        ask([("access_token", one)], header=two),
        ask([("access_token", one), ("apiKey", key)]),
        # An API key belongs in no URL but as `apiKey` of this family.
        ask([("access_token", key)]),
    ]

    assert asked == [401] * 7


def test_the_same_token_twice_is_one(customer: Customer, helper: str) -> None:
    browser = customer.browser("twice")
    url = f"{browser.base_url}/v1/openapi/chat"
    query = [("apiKey", browser.token), ("access_token", browser.token)]

    answer = requests.post(
        url,
        params=query,
        json={"content": "Hi", "ibotID": helper},
        headers={"Authorization": f"Bearer {browser.token}"},
        timeout=30,
    )

    assert answer.status_code == 200, answer.text


def status_of(browser: Browser) -> int:
    return browser.run("run_0").status_code


def test_a_rotated_secret_is_taken_for_a_while_and_a_replaced_one_is_not(service: Service) -> None:
    customer = Customer.new(service)
    helper = customer.assistant()
    old = customer.browser("old")
    assert old.yuju(ibotID=helper).status_code == 200

    rotated = call(customer.api, "POST", "visitor_secret/rotate")
    assert rotated["previous_secret_expires_at"]
    new = Browser(old.base_url, customer.sign("old", secret=rotated["secret"]))
    assert eventually(lambda: new.yuju(ibotID=helper).status_code, lambda status: status == 200) == 200
    assert old.yuju(ibotID=helper).status_code == 200

    replaced = call(customer.api, "POST", "visitor_secret/rotate", {"previous_works_for": 0})
    assert replaced["previous_secret_expires_at"] is None
    for browser in (old, new):
        eventually(partial(status_of, browser), lambda status: status == 401)
    newest = Browser(old.base_url, customer.sign("old", secret=replaced["secret"]))
    assert newest.run("run_0").status_code == 404


def test_tokens_of_an_account_that_is_disabled_or_erased_stop(service: Service) -> None:
    customer = Customer.new(service)
    browser = customer.browser(requests_per_minute=1_000)
    assert browser.run("run_0").status_code == 404

    service.in_shell(f"{ACCOUNT.format(customer.name)}; accounts.set_active(account_ids=[pk], is_active=False)")
    assert eventually(lambda: code_of(browser.run("run_0"))[0], lambda status: status == 403) == 403
    # Only who has a token of the account learns that it is disabled.
    forged = Browser(browser.base_url, customer.sign(secret="a" * 48))
    assert forged.run("run_0").status_code == 401

    service.in_shell(f"{ACCOUNT.format(customer.name)}; begin.erase_account(account_id=pk, requested_by='a test')")
    assert eventually(lambda: browser.run("run_0").status_code, lambda status: status == 401, within=120) == 401


ACCOUNT = (
    "from conversations.models import Account; from conversations.services.accounts import accounts; "
    "from conversations.services.erasures import begin; pk = Account.objects.get(name={!r}).pk"
)


def test_one_visitor_at_full_speed_stops_no_other(customer: Customer, helper: str) -> None:
    fast, slow = customer.browser("fast", requests_per_minute=3), customer.browser("slow")

    asked = [fast.yuju(ibotID=helper).status_code for _ in range(6)]

    assert asked[:3] == [200, 200, 200]
    assert 429 in asked[3:]
    # Another token of the same visitor gives it no more.
    assert customer.browser("fast", requests_per_minute=3).yuju(ibotID=helper).status_code == 429
    assert slow.yuju(ibotID=helper).status_code == 200
    assert customer.api.ask("Hi", model="echo").status_code == 200


def test_no_token_asks_more_than_a_key_of_its_account_may(service: Service) -> None:
    name = new_id()
    key = service.create_key(name, *(f"--scope={scope}" for scope in SCOPES))
    service.in_shell(
        f"{ACCOUNT.format(name)}; accounts.set_limits(account_id=pk, limits={{'requests_per_minute': 5, "
        "'tokens_per_minute': None, 'concurrent_runs': 2}})".replace("}})", "})")
    )
    shown = call(Api(service.base_url, key), "GET", "visitor_secret")
    customer = Customer(Api(service.base_url, key), name, shown["account"], shown["secret"])

    answer = customer.browser(requests_per_minute=500, concurrent_runs=9_999).yuju()

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-ratelimit-limit-requests"] == "5"


@pytest.fixture
def own_log(service: Service) -> Callable[[], str]:
    before = len(service.log)
    return lambda: service.log[before:]


def test_no_log_line_has_a_token_or_the_secret(
    customer: Customer, helper: str, service: Service, own_log: Callable[[], str]
) -> None:
    browser = customer.browser("logged")
    run = browser.yuju("a question of mine", ibotID=helper).headers["X-Run-Id"]
    forged = customer.sign(secret="b" * 48)
    sent: list[dict[str, Any]] = [{"apiKey": browser.token}, {"access_token": browser.token}, {"apiKey": forged}]
    for query in sent:
        for method, path in (("POST", "/v1/openapi/chat"), ("GET", "/v1/openapi/chat"), ("GET", "/nowhere")):
            requests.request(method, service.base_url + path, params=query, data=b"{", timeout=30)
        for path in ("", "/stream", "/cancel"):
            requests.get(f"{service.base_url}/api/v1/runs/{run}{path}", params=query, timeout=30)
    minted = call(customer.api, "POST", "client_tokens", {"visitor": "logged"}, status=201)["token"]

    log = own_log()

    for secret in (browser.token, forged, minted, customer.secret, "a question of mine"):
        # Of a token its signature alone would be enough to find it by.
        assert secret not in log
        assert secret.rpartition(".")[2] not in log
