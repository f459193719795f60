"""Journey: the end users of an account, named by turns of two families, and managed over `/api/v1/visitors`."""

from typing import Any

import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api, new_id, refusal
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.webhooks import call, make, verified
from tests.journeys.clients.yuju import Yuju


def clients(api: Api) -> tuple[Chat, Yuju]:
    return Chat(api.base_url, api.key), Yuju(api.base_url, api.key)


def visitors(api: Api, **query: Any) -> list[Json]:
    return list(call(api, "GET", "visitors", params=query)["results"])


def delete(api: Api, visitor: Json) -> requests.Response:
    return requests.delete(api.base_url + visitor["url"], headers=api.headers, timeout=30)


def test_user_and_visitor_id_name_the_same_visitor(new_api: Api, upstream: FakeUpstream) -> None:
    chat, yuju = clients(new_api)

    first = yuju.ask("你好", visitorId="张三", fielditem={"name": "Zhang San", "level": 3})
    second = chat.ask("Hello", user="张三", store=True)

    (visitor,) = visitors(new_api)
    assert (visitor["external_ids"], visitor["name"], visitor["attributes"]) == (["张三"], "Zhang San", {"level": 3})
    assert visitor["first_seen_at"] == visitor["last_seen_at"] is not None
    found = call(new_api, "GET", f"visitors/{visitor['id']}/conversations")["results"]
    assert [one["id"] for one in found] == [one.headers["X-Conversation-Id"] for one in (second, first)]
    assert [one["thread"] for one in found] == [False, True]
    # It is sent to the vendor as it always was.
    assert upstream.requests[-1].body["user"] == "张三"


@pytest.mark.parametrize("user", ["", "   ", "u" * 129])
def test_a_user_that_is_no_id_names_nobody_and_breaks_no_turn(new_api: Api, upstream: FakeUpstream, user: str) -> None:
    chat, _ = clients(new_api)

    chat.answer("Hello", user=user, store=True)

    assert visitors(new_api) == []


def test_a_turn_that_is_not_stored_makes_no_visitor(new_api: Api, upstream: FakeUpstream) -> None:
    chat, _ = clients(new_api)

    chat.answer("Hello", user="u1")

    assert visitors(new_api) == []


def test_a_visitors_thread_is_remembered_and_goes_on_in_another_family(new_api: Api) -> None:
    _, yuju = clients(new_api)

    first = yuju.ask("One", visitorId="u1")
    second = yuju.ask("Two", visitorId="u1")
    other = yuju.answer("Three", visitorId="u2")
    thread = first.headers["X-Conversation-Id"]
    continued = new_api.answer("Four", id=thread, model="echo")

    assert second.headers["X-Conversation-Id"] == thread
    assert second.json()["desc"] == "[echo] Received 3 messages. The last question: Two"
    assert other["desc"] == "[echo] Received 1 message. The last question: Three"
    assert continued["answer"] == "[echo] Received 5 messages. The last question: Four"
    assert yuju.answer("Five", visitorId="u1")["desc"].startswith("[echo] Received 7 messages.")


def test_a_dry_run_is_in_the_visitors_thread_and_makes_none(new_api: Api) -> None:
    _, yuju = clients(new_api)
    yuju.answer("One", visitorId="u1")

    known, new = (yuju.ask("Two", visitorId=name, headers={"X-Dry-Run": "true"}).json() for name in ("u1", "u2"))

    assert [len(receipt["messages"]) for receipt in (known, new)] == [3, 1]
    assert [one["external_ids"] for one in visitors(new_api)] == [["u1"]]


def test_visitors_are_made_found_and_changed(new_api: Api) -> None:
    given = {"external_id": "crm-1", "name": "李四", "email": "li@example.com", "attributes": {"tags": ["a"]}}
    made = call(new_api, "POST", "visitors", status=201, json=given)
    other = call(new_api, "POST", "visitors", status=201, json={"mobile": "138"})

    changed = call(new_api, "PATCH", f"visitors/{made['id']}", json={"name": "Li Si", "attributes": {}})

    assert (made["external_ids"], made["first_seen_at"], made["attributes"]) == (["crm-1"], None, {"tags": ["a"]})
    assert other["external_ids"] == [other["id"].removeprefix("vis_")]
    assert changed == {**made, "name": "Li Si", "attributes": {}}
    assert call(new_api, "GET", f"visitors/{made['id']}") == changed
    assert visitors(new_api) == [other, changed]
    assert visitors(new_api, external_id="crm-1") == visitors(new_api, email="li@example.com") == [changed]
    assert visitors(new_api, mobile="138") == [other]
    assert visitors(new_api, name="Li Si", mobile="138") == visitors(new_api, external_id="nobody") == []
    page = call(new_api, "GET", "visitors", params={"limit": 1})
    assert page["results"] == [other]
    assert requests.get(page["next"], headers=new_api.headers, timeout=30).json()["results"] == [changed]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"external_id": "x" * 129}, "external_id"),
        ({"external_id": "  "}, "external_id"),
        ({"external_id": "taken"}, "Another visitor has this id."),
        ({"name": "n" * 201}, "name"),
        ({"mobile": 138}, "mobile"),
        ({"email": "a\x00b"}, "email contains a NUL"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"name": "x"}}, "attributes.name is a field of its own"),
        ({"attributes": {str(number): 1 for number in range(65)}}, "attributes"),
        ({"attributes": {"note": "中" * 3_000}}, "8192 bytes"),
    ],
)
def test_odd_fields_are_refused(api: Api, body: Json, named: str) -> None:
    requests.post(f"{api.base_url}/api/v1/visitors", json={"external_id": "taken"}, headers=api.headers, timeout=30)

    response = requests.post(f"{api.base_url}/api/v1/visitors", json=body, headers=api.headers, timeout=30)

    status, code, message = refusal(response)
    assert (status, code) == (400, "bad_request")
    assert named in message


def test_two_visitors_become_one(new_api: Api) -> None:
    _, yuju = clients(new_api)
    yuju.answer("One", visitorId="old")
    (old,) = visitors(new_api)
    new = call(new_api, "POST", "visitors", status=201, json={"external_id": "new"})

    merged = call(new_api, "POST", f"visitors/{old['id']}/merge", json={"into": new["id"]})

    assert sorted(merged["external_ids"]) == ["new", "old"]
    assert visitors(new_api) == [merged]
    for name in ("new", "old"):
        assert "[echo] Received 1 message" not in yuju.answer("Two", visitorId=name)["desc"]
    again = requests.post(
        f"{new_api.base_url}{old['url']}/merge", json={"into": new["id"]}, headers=new_api.headers, timeout=30
    )
    assert refusal(again)[0] == 404


def test_a_run_says_whose_it_is(new_api: Api) -> None:
    chat, yuju = clients(new_api)
    assistant = call(new_api, "POST", "assistants", status=201, json={"name": "助手", "model": "echo"})
    both = yuju.ask("One", visitorId="u1", ibotID=assistant["id"]).headers["X-Run-Id"]
    visitors_own = chat.ask("Two", user="u2", store=True).headers["X-Run-Id"]
    nobodys = chat.ask("Three", store=True).headers["X-Run-Id"]
    second, first = visitors(new_api)

    def whose(run: str) -> list[Any]:
        shown = call(new_api, "GET", f"runs/{run}")
        return [shown.get(name, "-") for name in ("assistant", "assistant_version", "visitor")]

    assert whose(both) == [assistant["id"], 1, first["id"]]
    assert whose(visitors_own) == [None, None, second["id"]]
    assert whose(nobodys) == ["-", "-", "-"]

    call(new_api, "POST", f"visitors/{first['id']}/merge", json={"into": second["id"]})
    assert whose(both) == [assistant["id"], 1, second["id"]]
    delete(new_api, second)
    assert whose(both) == [assistant["id"], 1, None]


def test_a_deleted_visitor_is_forgotten(new_api: Api) -> None:
    _, yuju = clients(new_api)
    thread = yuju.ask("One", visitorId="u1").headers["X-Conversation-Id"]
    (visitor,) = visitors(new_api)

    assert delete(new_api, visitor).status_code == 204

    assert visitors(new_api) == []
    assert refusal(delete(new_api, visitor))[0] == 404
    assert refusal(new_api.ask("Two", id=thread))[:2] == (404, "not_found")
    again = yuju.ask("Three", visitorId="u1")
    assert again.json()["desc"] == "[echo] Received 1 message. The last question: Three"
    assert again.headers["X-Conversation-Id"] != thread


def test_contacts_are_reported(new_api: Api, receiver: Receiver) -> None:
    _, yuju = clients(new_api)
    endpoint = make(new_api, receiver.url, "visitor.created", "visitor.updated", "visitor.deleted")
    answer = yuju.answer("One", visitorId="u1", fielditem={"name": "Ann"})
    (visitor,) = visitors(new_api)
    call(new_api, "PATCH", f"visitors/{visitor['id']}", json={"name": "Anna"})
    delete(new_api, visitor)

    posted = [verified(one, endpoint["secret"]) for one in receiver.wait(3)]

    events = sorted(posted, key=lambda event: int(event["sequence"]))
    known = {"ibotID": None, "visitorId": "u1", "contact_id": visitor["id"].removeprefix("vis_")}
    assert [{name: event[name] for name in ("event", "msgKey", *known)} for event in events] == [
        {"event": "contact_created", "msgKey": answer["msgKey"], **known},
        {"event": "contact_updated", "msgKey": None, **known},
        {"event": "contact_deleted", "msgKey": None, **known},
    ]
    assert "Ann" not in str(events)


def test_a_visitor_of_another_account_is_one_that_nobody_has(api: Api, new_api: Api) -> None:
    name = new_id()
    made = call(api, "POST", "visitors", status=201, json={"external_id": name})
    mine = call(new_api, "POST", "visitors", status=201, json={"external_id": name})

    merge = requests.post(
        f"{api.base_url}{mine['url']}/merge", json={"into": made["id"]}, headers=new_api.headers, timeout=30
    )

    assert refusal(merge)[0] == 404
    assert refusal(delete(new_api, made))[0] == 404
    assert visitors(api, external_id=name) == [made]
    assert visitors(new_api) == [mine]
