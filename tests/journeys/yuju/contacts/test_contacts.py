"""Journey: contacts are the account's visitors, made by hand or by a chat."""

import re
from typing import Any

import pytest

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import make, verified
from tests.journeys.clients.yuju import Yuju, data, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
KEYS = [
    *("avatar", "chatid", "company", "company_address", "company_website", "companyid", "contact_id", "contact_name"),
    *("conversation_id", "create_time", "device_id", "email", "id", "message_id", "mobile", "name", "open_id"),
    *("product_name", "room_id", "roomTopic", "update_time", "userid"),
]
GIVEN = {
    "contact": {
        "name": "王小明",
        "mobile": 13800138000,
        "email": "w@例子.cn",
        "userid": 10086,
        "avatar": "https://a/b",
    },
    "channel": {"name": "官网"},
    "company": {"name": "测试公司", "address": "北京", "website": "https://c", "规模": 5},
    "custom": {"等级": "金", "积分": 5},
}


def add(yuju: Yuju, **contact: Any) -> str:
    return str(yuju.data("POST", "contacts/add", {"contact": contact})["id"])


def get(yuju: Yuju, contact_id: str) -> Json:
    return dict(yuju.data("GET", "contacts", contact_id=contact_id))


def found(yuju: Yuju, *filters: tuple[str, str, Any]) -> list[str]:
    """The names of the contacts that fit."""
    body = {
        "filter": [
            {"filter_key": key, "filter_condition": condition, "filter_value": value}
            for key, condition, value in filters
        ]
    }
    return [one["name"] for one in yuju.data("POST", "contacts", body)]


def test_a_contact_is_made_read_changed_and_deleted(new_yuju: Yuju) -> None:
    contact_id = new_yuju.data("POST", "contacts/add/", GIVEN)["id"]

    made = get(new_yuju, contact_id)
    changed = new_yuju.data(
        "PUT",
        "contacts",
        {"contact_id": contact_id, "contact": {"email": "test123@test.com", "avatar": None}, "custom": {"积分": 6}},
    )
    deleted = new_yuju.data("DELETE", "contacts", {"contact_id": contact_id})
    gone = new_yuju.send("GET", "contacts", contact_id=contact_id)

    assert re.fullmatch("[0-9a-f]{32}", contact_id)
    assert [*made] == [*KEYS, "custom"]
    assert re.fullmatch(TIME, made["create_time"])
    assert made == {
        **dict.fromkeys(KEYS),
        **dict.fromkeys(("id", "contact_id", "device_id"), contact_id),
        "name": "王小明",
        "contact_name": "王小明",
        "mobile": "13800138000",
        "email": "w@例子.cn",
        "userid": "10086",
        "avatar": "https://a/b",
        "company": "测试公司",
        "company_address": "北京",
        "company_website": "https://c",
        "create_time": made["create_time"],
        "update_time": made["update_time"],
        "custom": {"等级": "金", "积分": 5, "channel": {"name": "官网"}, "company_规模": 5},
    }
    assert changed == {
        **made,
        "email": "test123@test.com",
        "avatar": None,
        "update_time": changed["update_time"],
        "custom": {**made["custom"], "积分": 6},
    }
    assert deleted == changed
    assert refusal(gone) == (404, "visitor not found")


def test_a_chat_makes_a_contact_of_its_visitor(new_yuju: Yuju) -> None:
    first = new_yuju.ask("你好", visitorId="访客-7", fielditem={"name": "李雷", "mobile": "139", "城市": "上海"})
    new_yuju.answer("还在吗", visitorId="访客-7", fielditem={"name": "别人"})

    (one,) = new_yuju.data("POST", "contacts", {})
    shown = get(new_yuju, one["id"])

    assert one == {"email": None, "id": one["id"], "mobile": "139", "name": "李雷"}
    assert (shown["userid"], shown["custom"]) == ("访客-7", {"城市": "上海"})
    assert shown["conversation_id"] == first.headers["X-Conversation-Id"]


def test_a_contact_without_an_id_of_its_own_is_asked_by_ours(new_yuju: Yuju) -> None:
    contact_id = add(new_yuju, name="韩梅梅")

    new_yuju.answer("你好", visitorId=contact_id)

    assert get(new_yuju, contact_id)["userid"] == contact_id
    assert len(new_yuju.data("POST", "contacts")) == 1


@pytest.fixture(scope="module")
def searched(service: Service) -> Yuju:
    """Of an account with four contacts."""
    yuju = Yuju(service.base_url, service.create_key(new_id()))
    add(yuju, name="访客290", email="a@x.cn", userid="u1", company="甲_公司")
    add(yuju, name="访客291", email="b@x.cn", userid="u2", mobile="13900000000")
    add(yuju, name="访客290", mobile="13800000000", userid="v3")
    add(yuju, email="B@x.cn", company="乙%公司", userid="100%")
    return yuju


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["", "访客290", "访客291", "访客290"]),
        ([("name", "equal", "访客290")], ["访客290", "访客290"]),
        ([("contact_name", "EQUAL", "访客290"), ("email", "not_empty", "")], ["访客290"]),
        ([("name", "not_equal", "访客290")], ["", "访客291"]),
        ([("name", "contain", "29")], ["访客290", "访客291", "访客290"]),
        ([("name", "not_contain", "29")], [""]),
        ([("name", "begin_with", "客")], []),
        ([("name", "begin_with", "访客"), ("mobile", "begin_with", 139)], ["访客291"]),
        ([("name", "empty", None)], [""]),
        ([("name", "equal", "")], [""]),
        ([("email", "equal", "b@x.cn")], ["访客291"]),
        ([("mobile", "equal", 13800000000)], ["访客290"]),
        ([("mobile", "empty", "")], ["", "访客290"]),
        ([("userid", "equal", "u2")], ["访客291"]),
        ([("userid", "equal", "u2"), ("name", "equal", "访客290")], []),
        ([("userid", "begin_with", "u")], ["访客291", "访客290"]),
        ([("userid", "contain", "%")], [""]),
        ([("userid", "not_equal", "u1"), ("userid", "not_empty", "")], ["", "访客290", "访客291"]),
        ([("company", "equal", "甲_公司")], ["访客290"]),
        ([("company", "contain", "_")], ["访客290"]),
        ([("company", "contain", "%")], [""]),
        ([("company", "empty", "")], ["访客290", "访客291"]),
        ([("company", "greater", "甲_公司")], []),
        ([("0", "equal", "x")], []),
        ([("9" * 64, "not_empty", "")], []),
        ([("create_time", "greater", "2026-01-01")], ["", "访客290", "访客291", "访客290"]),
        ([("create_time", "less", "2026-01-01 00:00:00")], []),
        ([("update_time", "less", "9999-12-31")], ["", "访客290", "访客291", "访客290"]),
        ([("id", "equal", "0" * 32)], []),
    ],
)
def test_finds_contacts_by_filters(searched: Yuju, filters: list[tuple[str, str, Any]], names: list[str]) -> None:
    assert found(searched, *filters) == names


@pytest.mark.parametrize(
    "body",
    [
        {"filter": "name"},
        {"filter": ["name"]},
        {"filter": [{"filter_condition": "equal", "filter_value": "x"}]},
        {"filter": [{"filter_key": "name", "filter_value": "x"}]},
        {"filter": [{"filter_key": "name", "filter_condition": "like", "filter_value": "x"}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal"}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": ["x"]}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": 1.5}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": True}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": "x\0"}]},
        {"filter": [{"filter_key": "n\0", "filter_condition": "equal", "filter_value": "x"}]},
        {"filter": [{"filter_key": "n" * 65, "filter_condition": "equal", "filter_value": "x"}]},
        {"filter": [{"filter_key": "name", "filter_condition": "equal", "filter_value": "x" * 255}]},
        {"filter": [{"filter_key": "id", "filter_condition": "contain", "filter_value": "x"}]},
        {"filter": [{"filter_key": "create_time", "filter_condition": "equal", "filter_value": "2026-01-01"}]},
        {"filter": [{"filter_key": "create_time", "filter_condition": "less", "filter_value": "2026-02-30"}]},
        {"filter": [{"filter_key": "create_time", "filter_condition": "less", "filter_value": "٢٠٢٦-01-01"}]},
        {"filter": [{"filter_key": "create_time", "filter_condition": "greater", "filter_value": "9999-12-31"}]},
        {"filter": [{"filter_key": "name", "filter_condition": "empty"}] * 11},
    ],
)
def test_refuses_filters_that_mean_nothing(searched: Yuju, body: Any) -> None:
    assert refusal(searched.send("POST", "contacts", body))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contact": None},
        {"contact": "王"},
        {"contact": ["王"]},
        {"contact": {"name": ["王"]}},
        {"contact": {"name": "王" * 201}},
        {"contact": {"name": "a\0b"}},
        {"contact": {"email": "x" * 255}},
        {"contact": {"mobile": 1.5}},
        {"contact": {"userid": True}},
        {"contact": {"userid": " "}},
        {"contact": {"userid": "u" * 129}},
        {"contact": {"avatar": "x" * 9_000}},
        {"contact": {"name": "王"}, "company": 5},
        {"contact": {"name": "王"}, "custom": "x"},
        {"contact": {"name": "王"}, "custom": {str(n): n for n in range(65)}},
        {"contact": {"name": "王"}, "custom": {"n": {"\0": 1}}},
    ],
)
def test_refuses_contacts_that_cannot_be_kept(new_yuju: Yuju, rows: Rows, body: Any) -> None:
    before = rows.counts()

    response = new_yuju.send("POST", "contacts/add", body)

    assert refusal(response)[0] == 400
    assert rows.counts() == before


@pytest.mark.parametrize("raw", [b"", b"null", b'{"contact":{"name":"\\ud800"}}', b'{"contact":' + b"[" * 200])
def test_refuses_bodies_that_are_no_json(new_yuju: Yuju, raw: bytes) -> None:
    assert refusal(new_yuju.post(raw, path="/v1/openapi/contacts/add"))[0] == 400


def test_an_id_of_the_customers_own_is_one_contacts_and_stays(new_yuju: Yuju) -> None:
    contact_id = add(new_yuju, name="一", userid="u1")

    taken = new_yuju.send("POST", "contacts/add", {"contact": {"name": "二", "userid": "u1"}})
    moved = new_yuju.send("PUT", "contacts", {"contact_id": contact_id, "contact": {"userid": "u2"}})
    kept = new_yuju.send("PUT", "contacts", {"contact_id": contact_id, "contact": {"userid": "u1", "name": None}})

    assert refusal(taken) == (400, "Another visitor has this id.")
    assert refusal(moved) == (400, "contact.userid cannot be changed")
    assert (data(kept)["userid"], data(kept)["name"]) == ("u1", "")


def test_a_contact_of_another_account_is_none(new_yuju: Yuju, service: Service) -> None:
    contact_id = add(new_yuju, name="王", userid="u1")
    other = Yuju(service.base_url, service.create_key(new_id()))

    asked = [
        other.send("GET", "contacts", contact_id=contact_id),
        other.send("PUT", "contacts", {"contact_id": contact_id, "contact": {"name": "张"}}),
        other.send("DELETE", "contacts", {"contact_id": contact_id}),
        other.send("GET", "chat/record", contact_id=contact_id),
        other.send("POST", "send-to-user", {"user_id": contact_id, "content": "hi"}),
        other.send("POST", "send-to-user", {"user_id": "u1", "content": "hi"}),
    ]

    assert {refusal(one) for one in asked} == {(404, "visitor not found")}
    assert found(other, ("userid", "equal", "u1")) == []
    assert get(new_yuju, contact_id)["name"] == "王"


def test_each_change_is_reported(new_api: Api, receiver: Receiver) -> None:
    endpoint = make(new_api, receiver.url, "visitor.created", "visitor.updated", "visitor.deleted")
    yuju = Yuju(new_api.base_url, new_api.key)

    contact_id = add(yuju, name="王", userid="u1")
    yuju.send("PUT", "contacts", {"contact_id": contact_id, "contact": {"name": "张"}})
    yuju.send("DELETE", "contacts", {"contact_id": contact_id})

    sent = eventually(lambda: list(receiver.requests), lambda posted: len(posted) == 3)
    events = sorted((verified(one, endpoint["secret"]) for one in sent), key=lambda event: event["sequence"])
    assert [event["event"] for event in events] == ["contact_created", "contact_updated", "contact_deleted"]
    assert {(event["contact_id"], event["visitorId"]) for event in events} == {(contact_id, "u1")}
