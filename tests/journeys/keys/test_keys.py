"""Journey: what keys may do, how each family refuses the rest, and how they are managed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import openai
import pytest
import requests
from openai import OpenAI

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import aichat
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.service import Service
from tests.waiting import eventually

HI: Any = [aichat.user("Hi")]
MODEL = "gpt-4o-mini"
PAST = "2020-01-01T00:00:00Z"


@contextmanager
def sdk_of(service: Service, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.base_url}/v1", api_key=key, max_retries=0) as client:
        yield client


class Keys:
    """A client of `/api/v1/keys`."""

    def __init__(self, base_url: str, key: str) -> None:
        self._url = f"{base_url}/api/v1/keys"
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str = "", body: Any = None) -> requests.Response:
        return requests.request(method, self._url + path, json=body, headers=self._headers, timeout=30)

    def make(self, **fields: Any) -> dict[str, Any]:
        response = self.ask("POST", body=fields)
        assert response.status_code == 201, response.text
        return dict(response.json())


@pytest.fixture
def manager(service: Service) -> Keys:
    """Of a new account, with every scope."""
    scopes = [word for scope in ("aichat", "openai", "yuju", "api", "keys") for word in ("--scope", scope)]
    return Keys(service.base_url, service.create_key(new_id(), *scopes))


def ask_aichat(service: Service, key: str, model: str = MODEL) -> requests.Response:
    return Api(service.base_url, key).ask("Hi", model=model)


def test_an_expired_key_is_401_in_each_family(service: Service) -> None:
    key = service.create_key(new_id(), "--expires", PAST)

    with sdk_of(service, key) as sdk, pytest.raises(openai.AuthenticationError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=HI)

    assert (refused.value.code, refused.value.type) == ("invalid_api_key", "invalid_request_error")
    assert refusal(ask_aichat(service, key)) == (401, "token_expired", "The API key has expired.")


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_family_out_of_scope_is_403_in_each_family(service: Service) -> None:
    of_aichat = service.create_key(new_id(), "--scope", "aichat")
    of_openai = service.create_key(new_id(), "--scope", "openai")

    with sdk_of(service, of_aichat) as sdk, pytest.raises(openai.PermissionDeniedError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=HI)
    of_api = requests.get(
        f"{service.base_url}/api/v1/runs", headers={"Authorization": f"Bearer {of_openai}"}, timeout=30
    )

    assert (refused.value.code, refused.value.type) == ("missing_scope", "invalid_request_error")
    assert refusal(ask_aichat(service, of_openai))[:2] == (403, "forbidden")
    assert refusal(of_api)[:2] == (403, "forbidden")


def test_a_key_is_good_for_its_own_family(service: Service, upstream: FakeUpstream) -> None:
    of_aichat = service.create_key(new_id(), "--scope", "aichat")
    of_openai = service.create_key(new_id(), "--scope", "openai")

    with sdk_of(service, of_openai) as sdk:
        answer = sdk.chat.completions.create(model=MODEL, messages=HI)

    assert answer.choices[0].message.content
    assert ask_aichat(service, of_aichat).status_code == 200


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "no-such-model", "openai/gpt-4o-mini", "GPT-4o-mini", "gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini:me::1"],
)
def test_a_model_out_of_scope_is_403_whether_there_is_one_or_not(service: Service, model: str) -> None:
    key = service.create_key(new_id(), "--model", "gpt-*-mini", "--model", "echo")

    with sdk_of(service, key) as sdk:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            sdk.chat.completions.create(model=model, messages=HI)
        with pytest.raises(openai.PermissionDeniedError) as embedded:
            sdk.embeddings.create(model=model, input="Hi")
        with pytest.raises(openai.PermissionDeniedError) as shown:
            sdk.models.retrieve(model)

    assert {(one.value.code, one.value.param) for one in (refused, embedded, shown)} == {("model_not_found", "model")}
    assert refusal(ask_aichat(service, key, model))[:2] == (403, "forbidden")


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize("more", [{}, {"async": True}, {"id": "thread-of-others"}], ids=str)
def test_a_model_that_a_preset_names_is_forbidden_as_well(service: Service, more: dict[str, Any]) -> None:
    name = new_id()
    key = service.create_key(name, "--model", "echo")
    service.in_shell(
        "from conversations.models import Account; from conversations.services import presets; "
        f"presets.save(account=Account.objects.get(name={name!r}), name='painter', text='Paint.', model='gpt-4o')"
    )

    refused = Api(service.base_url, key).post({"question": "Hi", "preset": "painter", **more})

    assert refusal(refused)[:2] == (403, "forbidden")


def test_a_key_learns_of_its_own_models_alone(service: Service) -> None:
    key = service.create_key(new_id(), "--model", "gpt-4o-*", "--model", "gpt-x*")

    with sdk_of(service, key) as sdk:
        names = [model.id for model in sdk.models.list()]
        with pytest.raises(openai.NotFoundError) as unknown:
            sdk.chat.completions.create(model="gpt-x", messages=HI)

    assert MODEL in names
    assert {name[:7] for name in names} == {"gpt-4o-"}
    assert "deepseek" not in unknown.value.message
    assert "echo" not in unknown.value.message


def test_keys_are_made_listed_changed_and_revoked(service: Service, manager: Keys) -> None:
    made = manager.make(name="shop", scopes=["openai"], models=["echo"], requests_per_minute=30)
    secret = made.pop("secret")

    assert manager.ask("GET", f"/{made['id']}").json() == made
    listed = manager.ask("GET", "?limit=1").json()
    assert [one["id"] for one in listed["results"]] == [made["id"]]
    assert "secret" not in str(listed)
    assert listed["next"]
    changed = manager.ask("PATCH", f"/{made['id']}", {"name": "till", "requests_per_minute": None}).json()
    assert changed == {**made, "name": "till", "requests_per_minute": None}
    with sdk_of(service, secret) as sdk:
        assert [model.id for model in sdk.models.list()] == ["echo"]
        assert manager.ask("DELETE", f"/{made['id']}").json()["revoked_at"]
        eventually(lambda: _is_refused(sdk), bool)


def _is_refused(sdk: OpenAI) -> bool:
    try:
        sdk.models.list()
    except openai.AuthenticationError:
        return True
    return False


def test_both_keys_work_after_a_rotation(service: Service, manager: Keys) -> None:
    old = manager.make(scopes=["openai"])

    new = manager.ask("POST", f"/{old['id']}/rotate").json()

    assert new["id"] != old["id"]
    assert new["scopes"] == ["openai"]
    assert new["previous_expires_at"] == manager.ask("GET", f"/{old['id']}").json()["expires_at"]
    for secret in (old["secret"], new["secret"]):
        with sdk_of(service, secret) as sdk:
            assert sdk.models.list().data


def test_a_rotation_may_end_the_old_key_at_once(service: Service, manager: Keys) -> None:
    old = manager.make(scopes=["openai"])

    manager.ask("POST", f"/{old['id']}/rotate", {"previous_works_for": 0})

    with sdk_of(service, old["secret"]) as sdk, pytest.raises(openai.AuthenticationError):
        sdk.models.list()


def test_an_ordinary_key_manages_no_keys(service: Service) -> None:
    ordinary = Keys(service.base_url, service.create_key(new_id()))

    for method, path in (("GET", ""), ("POST", ""), ("GET", "/key_x"), ("DELETE", "/key_x"), ("POST", "/key_x/rotate")):
        assert refusal(ordinary.ask(method, path, {}))[:2] == (403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": ["admin"]},
        {"scopes": "openai"},
        {"models": ["a b"]},
        {"models": ["x"] * 51},
        {"models": ["x" * 201]},
        {"models": [["x"]]},
        {"requests_per_minute": -1},
        {"tokens_per_minute": 10**30},
        {"concurrent_runs": "5"},
        {"expires_at": "tomorrow"},
        {"expires_at": 5},
        {"expires_at": "9999-12-31T23:59:59-23:59"},
        {"name": "x" * 101},
        {"name": None},
        {"scopes": None},
        {"models": None},
        [],
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_no_key_can_be(manager: Keys, body: Any) -> None:
    before = manager.ask("GET").json()

    assert refusal(manager.ask("POST", body=body))[:2] == (400, "bad_request")

    assert len(manager.ask("GET").json()["results"]) == len(before["results"])


def test_a_new_key_works_while_others_of_its_address_guess(service: Service) -> None:
    secret = service.create_key(new_id())
    wrong = [f"sk-wrong-{new_id()}" for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        guessed = pool.map(lambda key: ask_aichat(service, key).status_code, wrong)
        with sdk_of(service, secret) as sdk:
            assert sdk.models.list().data

        assert set(guessed) == {401}
