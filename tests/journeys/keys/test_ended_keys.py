"""Journey: five seconds after a key has ended, no route takes it nor what it minted, in any web process."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from django.urls import get_resolver

from tests.journeys.clients.aichat import TIMEOUT_SECONDS, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.keys.test_scopes import NEEDED, code_of
from tests.journeys.routes import METHODS, routes
from tests.journeys.service import Service

SCOPES = [f"--scope={scope}" for scope in ("aichat", "openai", "yuju", "api", "keys")]
# docs/keys.md.
ENDED_WITHIN_SECONDS = 5
WEB_PROCESSES, REQUESTS_OF_EACH = 2, 4
LIST = "api/v1/conversations"
# By what became of their account: what they hear of it, by status. Until an erased account's secret is gone, too, its
# tokens hear that it is disabled.
ENDED = {"revoked": {401}, "disabled": {403}, "erased": {401, 403}}
CODES = {401: {"invalid_token", "invalid_api_key", 401}, 403: {"disabled", "account_deactivated", 403}}
END = """
from conversations.models import Account, ApiKey
from conversations.services.accounts import accounts, api_keys
from conversations.services.erasures import begin
revoked, disabled, erased = (Account.objects.get(name=name) for name in {names!r})
api_keys.revoke(key_ids=[key.pk for key in ApiKey.objects.for_account(revoked)])
accounts.set_active(account_ids=[disabled.pk], is_active=False)
begin.erase_account(account_id=erased.pk, requested_by="a test")
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A key, and a token that it minted."""

    api: Api
    token: str
    account: str


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    env = {"WEB_PROCESSES": str(WEB_PROCESSES), "REQUESTS_PER_MINUTE": "0"}
    with Service(data_dir=tmp_path_factory.mktemp("ended") / "var", env=env) as running:
        yield running


def keyed(service: Service) -> Ended:
    """Known to every process."""
    name = new_id()
    api = Api(service.base_url, service.create_key(name, *SCOPES))
    token = call(api, "POST", "client_tokens", status=201, json={"visitor": "v"})["token"]
    for _ in range(REQUESTS_OF_EACH * WEB_PROCESSES):
        assert {ask(api, "get", LIST, key).status_code for key in (api.key, token)} == {200}
    return Ended(api, str(token), name)


def ask(api: Api, method: str, path: str, key: str) -> requests.Response:
    """Over a connection of its own, which any of the web processes may take."""
    headers = {"Authorization": f"Bearer {key}"}
    return requests.request(method, f"{api.base_url}/{path}", headers=headers, timeout=TIMEOUT_SECONDS)


def test_no_route_takes_a_key_that_has_ended(own_service: Service) -> None:
    found = dict(zip(ENDED, (keyed(own_service) for _ in ENDED), strict=True))
    handled = [
        (method, path, view.client_scope is not None)
        for path, view in routes(get_resolver().url_patterns)
        if view and path in NEEDED
        for method in METHODS
        if hasattr(view, method)
    ]
    of_keys = [(method, path) for method, path, _ in handled]
    of_tokens = [(method, path) for method, path, takes_tokens in handled if takes_tokens]
    assert len(of_keys) > len(NEEDED)
    assert len(of_tokens) > 5
    own_service.in_shell(END.format(names=[one.account for one in found.values()]))
    time.sleep(ENDED_WITHIN_SECONDS)

    for at, (how, one) in enumerate(found.items()):
        # Each route refuses one of the keys: which, is nothing that a route knows of.
        for key, asked in ((one.api.key, of_keys[at :: len(found)]), (one.token, of_tokens)):
            answers = {(method, path): ask(one.api, method, path, key) for method, path in asked}
            assert {
                route: answer.text for route, answer in answers.items() if answer.status_code not in ENDED[how]
            } == {}
            assert all(code_of(answer) in CODES[answer.status_code] for answer in answers.values())
