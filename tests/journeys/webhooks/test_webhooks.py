"""Journey: an account is sent events, reads what was sent, and catches up on what it missed."""

from pathlib import Path

import pytest
import requests

from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.clients.webhooks import call, list_deliveries, make, verified
from tests.journeys.service import Service
from tests.waiting import eventually

HALF_A_MINUTE = 30.0
FIRST_WAIT_SECONDS = 5.0


def events(receiver: Receiver, key: str, count: int) -> list[Json]:
    return [verified(posted, key) for posted in receiver.wait(count)]


def test_an_endpoint_is_sent_events_of_a_conversation_and_its_run(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    endpoint = make(new_api, receiver.url)
    thread = new_id()

    new_api.answer("Hello", id=thread)

    received = {one["type"]: one for one in events(receiver, endpoint["secret"], 2)}
    assert received.keys() == {"conversation.created", "run.completed"}
    assert [received[name]["sequence"] for name in ("conversation.created", "run.completed")] == [1, 2]
    assert received["run.completed"]["data"]["answer"] == "1 messages; the last user message: Hello"
    assert received["run.completed"]["data"]["conversation"] == thread
    listed = call(new_api, "GET", "events")["results"]
    assert [one["id"] for one in listed] == [received[name]["id"] for name in ("conversation.created", "run.completed")]


def test_a_secret_is_shown_where_it_is_made_and_nowhere_else(new_api: Api, receiver: Receiver) -> None:
    made = make(new_api, receiver.url, "run.failed")
    path = f"webhook_endpoints/{made['id']}"

    rotated = call(new_api, "POST", f"{path}/rotate")
    shown, listed = call(new_api, "GET", path), call(new_api, "GET", "webhook_endpoints")

    assert made["secret"] != rotated["secret"]
    assert made["previous_secret_expires_at"] is None
    assert shown["previous_secret_expires_at"] is not None
    assert listed == {"results": [shown], "next": None}
    assert shown == {**{name: value for name, value in rotated.items() if name != "secret"}}


def test_an_endpoint_is_changed_disabled_and_deleted(new_api: Api, receiver: Receiver) -> None:
    path = f"webhook_endpoints/{make(new_api, receiver.url)['id']}"

    changed = call(new_api, "PATCH", path, json={"events": ["run.failed"], "description": "ours"})
    disabled = call(new_api, "PATCH", path, json={"enabled": False})
    deleted = call(new_api, "DELETE", path)

    assert (changed["events"], changed["description"], changed["enabled"]) == (["run.failed"], "ours", True)
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "Disabled by its owner.")
    assert deleted["deleted"] is True
    assert call(new_api, "GET", path, status=404)["error"]["code"] == "not_found"
    assert call(new_api, "GET", "webhook_endpoints")["results"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"url": "http://10.0.0.1/", "events": ["*"]}, "url"),
        ({"url": "gopher://a.example", "events": ["*"]}, "url"),
        ({"events": ["*"]}, "url"),
        ({"url": "http://127.0.0.1/"}, "events"),
        ({"url": "http://127.0.0.1/", "events": []}, "events"),
        ({"url": "http://127.0.0.1/", "events": ["run.unknown"]}, "events"),
        ({"url": "http://127.0.0.1/", "events": ["*"], "description": "x" * 501}, "description"),
    ],
)
def test_a_bad_endpoint_is_refused(new_api: Api, body: Json, param: str) -> None:
    response = requests.post(
        f"{new_api.base_url}/api/v1/webhook_endpoints", json=body, headers=new_api.headers, timeout=30
    )

    status, code, message = refusal(response)
    assert (status, code) == (400, "bad_request")
    assert message.startswith(param)


def test_a_delivery_lists_every_attempt_and_is_replayed(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    receiver.script(fake.answers(500, b"not today"))
    endpoint = make(new_api, receiver.url, "run.completed")
    new_api.answer("Hello")

    first, second = receiver.wait(2, within=HALF_A_MINUTE)
    delivery = eventually(lambda: list_deliveries(new_api)[0], lambda one: one["status"] == "succeeded")
    replayed = call(new_api, "POST", f"deliveries/{delivery['id']}/replay")
    third = receiver.wait(3)[2]

    assert {one.headers["webhook-id"] for one in (first, second, third)} == {delivery["event"]}
    assert first.body == second.body == third.body
    for posted in (first, second, third):
        verified(posted, endpoint["secret"])
    assert [(one["number"], one["http_status"], one["response"]) for one in delivery["attempts"]] == [
        (1, 500, "not today"),
        (2, 200, "ok"),
    ]
    # The wait before a third attempt would be half a minute.
    assert second.at - first.at >= FIRST_WAIT_SECONDS
    assert replayed["id"] == delivery["id"]
    again = eventually(lambda: list_deliveries(new_api)[0], lambda one: len(one["attempts"]) == 3)
    assert (again["status"], again["event_type"], again["endpoint"]) == ("succeeded", "run.completed", endpoint["id"])


def test_deliveries_are_filtered_and_paged(new_api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    make(new_api, receiver.url)
    thread = new_id()
    for _ in range(2):
        new_api.answer("Hello", id=thread)
    receiver.wait(3)
    everything = eventually(
        lambda: list_deliveries(new_api), lambda found: [one["status"] for one in found] == ["succeeded"] * 3
    )

    page = call(new_api, "GET", "deliveries", params={"limit": 2})
    rest = requests.get(page["next"], headers=new_api.headers, timeout=30).json()

    assert [*page["results"], *rest["results"]] == everything
    assert rest["next"] is None
    assert len(list_deliveries(new_api, event_type="conversation.created")) == 1
    assert len(list_deliveries(new_api, run=everything[0]["run"])) == 1
    assert list_deliveries(new_api, since="2100-01-01T00:00:00Z") == []
    assert list_deliveries(new_api, until="2100-01-01") == everything
    assert call(new_api, "GET", "deliveries", status=400, params={"status": "lost"})["error"]["code"] == "bad_request"


def test_events_missed_in_an_outage_are_listed(new_api: Api, upstream: FakeUpstream, receiver: Receiver) -> None:
    make(new_api, receiver.url)
    thread = new_id()
    new_api.answer("Hello", id=thread)
    known = receiver.wait(2)[0].headers["webhook-id"]
    for _ in range(2):
        new_api.answer("Hello", id=thread)

    listed = call(new_api, "GET", "events")["results"]
    after_known = call(new_api, "GET", "events", params={"after": listed[0]["id"]})["results"]
    by_number = call(new_api, "GET", "events", params={"conversation": thread, "after": "2"})["results"]

    assert known in {one["id"] for one in listed}
    assert after_known == listed[1:]
    assert [one["sequence"] for one in by_number] == [3, 4]
    assert call(new_api, "GET", "events", status=400, params={"after": "evt_unknown"})["error"]["code"] == "bad_request"


def test_one_account_sees_nothing_of_another(
    new_api: Api, other_api: Api, upstream: FakeUpstream, receiver: Receiver
) -> None:
    endpoint = make(new_api, receiver.url)
    new_api.answer("Hello")
    receiver.wait(1)
    delivery = list_deliveries(new_api)[0]["id"]
    event = call(new_api, "GET", "events")["results"][0]["id"]

    for method, path in (
        ("GET", f"webhook_endpoints/{endpoint['id']}"),
        ("PATCH", f"webhook_endpoints/{endpoint['id']}"),
        ("DELETE", f"webhook_endpoints/{endpoint['id']}"),
        ("POST", f"webhook_endpoints/{endpoint['id']}/rotate"),
        ("GET", f"deliveries/{delivery}"),
        ("POST", f"deliveries/{delivery}/replay"),
    ):
        assert call(other_api, method, path, status=404, json={})["error"]["code"] == "not_found"
    assert list_deliveries(other_api, endpoint=endpoint["id"]) == []
    call(other_api, "GET", "events", status=400, params={"after": event})
    assert len(receiver.requests) == 1


def test_a_stopping_service_releases_a_delivery_that_hangs(tmp_path: Path, receiver: Receiver) -> None:
    receiver.script(fake.stalls())
    data_dir = tmp_path / "var"
    service = Service(data_dir=data_dir, env={"OUTBOUND_ALLOW": "127.0.0.0/8"})
    api = Api(service.start().base_url, service.api_key)
    make(api, receiver.url, "run.completed")
    api.answer("Hello", model="echo")
    receiver.wait(1, within=HALF_A_MINUTE)
    assert service.stop() == 0

    again = Service(data_dir=data_dir, env={"OUTBOUND_ALLOW": "127.0.0.0/8"})
    try:
        api = Api(again.start().base_url, api.key)
        first, second = receiver.wait(2, within=HALF_A_MINUTE)
        delivery = eventually(lambda: list_deliveries(api)[0], lambda one: one["status"] == "succeeded")
    finally:
        again.stop()

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    # Stopping did not wait for the receiver, which never answers: that would be "timed_out".
    assert [(one["number"], one["error"]) for one in delivery["attempts"]] == [(1, "interrupted"), (2, None)]
