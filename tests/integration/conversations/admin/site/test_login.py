"""The login: attempts are limited by address and by name, and no name is ever locked."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from conversations.admin.site import login, login_attempts

LOGIN = "/admin/login/"
PASSWORD = "a-better-one-2718"
HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
NETWORK, NEIGHBOUR_NETWORK = "2001:db8:0:1::", "2001:db8:0:2::"


@pytest.fixture(autouse=True)
def counters(settings: Settings) -> Iterator[redis.Redis]:
    """Without the counters of other tests."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        _forget(client)
        yield client
        _forget(client)


def _forget(client: redis.Redis) -> None:
    for key in client.scan_iter("parley:logins:*"):
        client.delete(key)


@pytest.fixture(autouse=True)
def operator(db: None, settings: Settings) -> User:
    # The real hasher would take half a second for each attempt.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("operator", password=PASSWORD)


def sign_in(
    address: str = HOME, *, name: str = "operator", password: str = PASSWORD, client: Client | None = None
) -> Any:
    return (client or Client()).post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def guess(times: int, address: str = HOME, *, name: str = "operator") -> set[int]:
    return {sign_in(address, name=name, password=f"wrong {number}").status_code for number in range(times)}


def test_ends_at_the_admin() -> None:
    response = sign_in()

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_ends_where_the_operator_was_going() -> None:
    response = Client().post(LOGIN, {"username": "operator", "password": PASSWORD, "next": "/admin/conversations/run/"})

    assert (response.status_code, response["Location"]) == (302, "/admin/conversations/run/")


def test_goes_nowhere_else_for_a_stranger() -> None:
    response = Client().post(LOGIN, {"username": "operator", "password": PASSWORD, "next": "https://elsewhere.example"})

    assert response["Location"] == "/admin/"


def test_slows_an_address_that_guesses_whatever_names_it_tries() -> None:
    names = [f"name {number}" for number in range(login_attempts.PER_ADDRESS)]
    assert {code for name in names for code in guess(1, name=name)} == {200}

    refused = sign_in()

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= login_attempts.WINDOW_SECONDS
    assert "Too many attempts to log in" in refused.content.decode()
    assert "no-store" in refused["Cache-Control"]


def test_lets_the_operator_in_from_another_address() -> None:
    guess(login_attempts.PER_ADDRESS + 5)

    assert sign_in(ELSEWHERE).status_code == 302


def test_locks_no_name_that_many_addresses_guess_at() -> None:
    for number in range(login_attempts.PER_NAME + 1):
        guess(1, f"198.51.100.{number}")

    assert guess(1, HOME) == {200}
    assert sign_in(HOME).status_code == 302
    # A second address has as few attempts as the first.
    assert guess(login_attempts.PER_ADDRESS_UNDER_ATTACK, ELSEWHERE) == {200}
    assert sign_in(ELSEWHERE).status_code == 429


def test_slows_guesses_of_many_names_from_many_addresses() -> None:
    for number in range(login_attempts.IN_ALL + 1):
        guess(1, f"198.51.100.{number}", name=f"name {number}")

    assert guess(login_attempts.PER_ADDRESS_UNDER_ATTACK, HOME, name="another") == {200}
    assert sign_in(HOME).status_code == 429


def test_counts_an_ipv6_network_as_one_address() -> None:
    for number in range(login_attempts.PER_ADDRESS):
        guess(1, f"{NETWORK}{number:x}")

    assert sign_in(f"{NETWORK}ffff").status_code == 429
    assert sign_in(f"{NEIGHBOUR_NETWORK}1").status_code == 302


@pytest.mark.parametrize("address", ["", "unknown", "1.2.3.4:5", "::1%eth0", "x" * 10_000, "\udcff"])
def test_counts_whatever_a_proxy_calls_an_address(address: str) -> None:
    guess(login_attempts.PER_ADDRESS, address)

    assert sign_in(address).status_code == 429


@pytest.mark.parametrize("name", ["", "x" * 100_000, "a\x00b", "İ"])
def test_counts_whatever_is_given_as_a_name(name: str) -> None:
    assert guess(1, name=name) == {200}


def test_does_not_count_successful_logins() -> None:
    for _ in range(login_attempts.PER_ADDRESS + 1):
        assert sign_in().status_code == 302


def test_counts_the_guesses_of_a_signed_in_user(operator: User) -> None:
    client = Client()
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    for number in range(login_attempts.PER_ADDRESS):
        sign_in(password=f"wrong {number}", client=client)

    assert sign_in(client=client).status_code == 429


def test_counts_nothing_that_our_own_form_did_not_send(counters: redis.Redis) -> None:
    """Otherwise another site could use up its visitors' attempts."""
    stranger = Client(enforce_csrf_checks=True)

    assert sign_in(client=stranger).status_code == 403
    assert list(counters.scan_iter("parley:logins:*")) == []


def test_counts_expire(counters: redis.Redis) -> None:
    guess(1)
    sign_in(ELSEWHERE)

    lives = [counters.ttl(key) for key in counters.scan_iter("parley:logins:*")]

    assert len(lives) == 4
    assert all(0 < life <= login_attempts.WINDOW_SECONDS for life in lives)


def test_lets_the_operator_in_while_redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert guess(login_attempts.PER_ADDRESS + 1) == {200}
    assert sign_in().status_code == 302


def test_checks_few_passwords_at_once(monkeypatch: pytest.MonkeyPatch, counters: redis.Redis) -> None:
    monkeypatch.setattr(login, "WAIT_SECONDS", 0.01)
    held = [login._checks.acquire() for _ in range(login.CHECKS_AT_ONCE)]
    try:
        response = sign_in()
    finally:
        for _ in held:
            login._checks.release()

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert {counters.get(key) for key in counters.scan_iter("parley:logins:*")} == {b"0"}
    assert sign_in().status_code == 302
