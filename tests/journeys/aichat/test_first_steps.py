"""Journey: what a newcomer pastes from the vendor's tutorial, and the vendor's own SDK."""

import uuid
from collections.abc import Iterator

import acedatacloud
import pytest
import requests
from acedatacloud import AceDataCloud

from tests.fakes.replies import fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, assistant, new_id, user
from tests.journeys.rows import Rows
from tests.waiting import eventually


@pytest.fixture
def sdk(api: Api) -> Iterator[AceDataCloud]:
    with AceDataCloud(base_url=api.base_url, api_token=api.key, max_retries=0) as client:
        yield client


def test_the_tutorials_script_works(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(says("人工智能", "是……"))
    url = f"{api.base_url}/aichat/conversations"
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    data = {"model": "gpt-4o", "question": "什么是人工智能?", "stateful": True}

    response = requests.post(url, headers=headers, json=data, timeout=30)
    result = response.json()

    assert response.status_code == 200
    assert result == {"id": str(uuid.UUID(result["id"], version=4)), "answer": "人工智能是……"}
    assert response.headers["Content-Type"] == "application/json"


def test_the_tutorials_callback_url_is_refused_without_a_server(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()
    data = {"model": "gpt-4o", "question": "什么是人工智能?", "callback_url": "https://your-server.invalid/callback"}

    response = requests.post(api.url, headers=api.headers, json=data, timeout=30)

    assert response.status_code == 400
    assert response.json()["error"] == {
        "code": "bad_request",
        "message": "callback_url: the URL's host cannot be found",
    }
    assert upstream.requests == []
    assert rows.counts() == before


def test_the_sdk_asks_and_continues(sdk: AceDataCloud, upstream: FakeUpstream) -> None:
    upstream.script(says("Noted."), says("42"))

    first = sdk.aichat.create(model="gpt-4o", question="Remember 42", stateful=True)
    second = sdk.aichat.create(model="gpt-4o", question="Which number?", id=first["id"], stateful=True)

    assert first == {"id": first["id"], "answer": "Noted."}
    assert second == {"id": first["id"], "answer": "42"}
    assert upstream.requests[1].messages == [user("Remember 42"), assistant("Noted."), user("Which number?")]


def test_the_sdk_passes_preset_and_references_on(sdk: AceDataCloud, upstream: FakeUpstream) -> None:
    answer = sdk.aichat.create(
        model="gpt-4o", question="What is it?", preset="Be brief.", references=["https://example.com/a.png"]
    )

    assert answer["answer"] == "2 messages; the last user message: What is it?"
    assert upstream.requests[0].messages == [
        {"role": "system", "content": "Be brief."},
        user(
            [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ]
        ),
    ]


def test_the_sdk_recognises_a_wrong_key(api: Api, upstream: FakeUpstream) -> None:
    stranger = AceDataCloud(base_url=api.base_url, api_token="sk-nobody-has-this-key", max_retries=0)

    with stranger, pytest.raises(acedatacloud.AuthenticationError) as caught:
        stranger.aichat.create(model="gpt-4o", question="Hello")

    assert (caught.value.status_code, caught.value.code) == (401, "invalid_token")
    assert caught.value.message == "The specified token is invalid or wrong."
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "", "question": "Hello"}, "bad_request"),
        ({"model": "no-such-model", "question": "Hello"}, "bad_request"),
        ({"model": "gpt-4o", "question": " "}, "bad_request"),
        ({"model": "gpt-4o", "question": "Hello", "callback_url": "http://10.0.0.1/"}, "bad_request"),
    ],
)
def test_the_sdk_recognises_a_bad_request(
    sdk: AceDataCloud, upstream: FakeUpstream, fields: dict[str, str], code: str
) -> None:
    with pytest.raises(acedatacloud.ValidationError) as caught:
        sdk.aichat.create(**fields)

    assert (caught.value.status_code, caught.value.code) == (400, code)
    assert str(uuid.UUID(caught.value.trace_id)) == caught.value.trace_id
    assert upstream.requests == []


def test_the_sdk_recognises_a_disabled_account(other_api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    rows.change("UPDATE conversations_account SET is_active = false WHERE name = 'other'")

    try:
        with AceDataCloud(base_url=other_api.base_url, api_token=other_api.key, max_retries=0) as sdk:
            refused = eventually(lambda: _refusal(sdk), lambda error: error is not None)
    finally:
        rows.change("UPDATE conversations_account SET is_active = true WHERE name = 'other'")

    assert isinstance(refused, acedatacloud.ResourceDisabledError)
    assert (refused.status_code, refused.code) == (403, "disabled")


def _refusal(sdk: AceDataCloud) -> acedatacloud.APIError | None:
    try:
        sdk.aichat.create(model="gpt-4o", question="Hello")
    except acedatacloud.APIError as error:
        return error
    return None


def test_the_sdk_sees_a_vendors_failure_as_an_api_error(sdk: AceDataCloud, upstream: FakeUpstream) -> None:
    upstream.script(fails(500), fails(500), fails(500))

    with pytest.raises(acedatacloud.APIError) as caught:
        sdk.aichat.create(model="gpt-4o", question="Hello")

    assert type(caught.value) is acedatacloud.APIError
    assert (caught.value.status_code, caught.value.code) == (500, "chat_error")


def test_a_turn_that_the_sdk_repeats_is_in_the_thread_once(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(fails(429, code="insufficient_quota"), says("At last."), says("Yes."))

    with AceDataCloud(base_url=api.base_url, api_token=api.key, max_retries=2) as patient:
        patient.aichat.create(model="gpt-4o", question="First", id=thread)
        patient.aichat.create(model="gpt-4o", question="Second", id=thread)

    assert upstream.requests[2].messages == [user("First"), assistant("At last."), user("Second")]
    assert len(upstream.requests) == 3
