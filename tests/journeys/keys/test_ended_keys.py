"""Journey: five seconds after a key has ended, no route takes it nor what it minted, in any web process."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
# By what became of their account: what they hear of it, by status.
ENDED = {"revoked": 401, "disabled": 403, "erased": 401}
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


@contextmanager
def slow_rotation(service: Service, key: str) -> Iterator[socket.socket]:
    """Of the visitor secret; the last byte of its body is to be sent."""
    head = (
        f"POST /api/v1/visitor_secret/rotate HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(head.encode())
        yield connection


def finished(connection: socket.socket) -> tuple[int, str]:
    """Status and body."""
    connection.sendall(b"}")
    with connection.makefile("rb") as stream:
        head, _, body = stream.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


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
    with ExitStack() as stack:
        slow = {how: stack.enter_context(slow_rotation(own_service, one.api.key)) for how, one in found.items()}
        own_service.in_shell(END.format(names=[one.account for one in found.values()]))
        time.sleep(ENDED_WITHIN_SECONDS)
        late = {how: finished(connection) for how, connection in slow.items()}

    assert {how: status for how, (status, _) in late.items()} == ENDED
    assert all("vsec_" not in body and json.loads(body)["error"] for _, body in late.values())
    for how, one in found.items():
        for key, asked in ((one.api.key, of_keys), (one.token, of_tokens)):
            answers = {(method, path): ask(one.api, method, path, key) for method, path in asked}
            assert {at: answer.text for at, answer in answers.items() if answer.status_code != ENDED[how]} == {}
            assert {code_of(answer) for answer in answers.values()} <= CODES[ENDED[how]]
