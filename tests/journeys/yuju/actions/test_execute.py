"""Journey: an action is asked for in natural language, and called once."""

from typing import Any

import orjson
import pytest
import requests

from tests.fakes.receiver import Receiver, answers
from tests.fakes.refused_rows import refusing
from tests.fakes.replies import Json, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.clients.yuju import Yuju, data, refusal
from tests.journeys.rows import Rows
from tests.journeys.service import Service

PARAMETERS = {"type": "object", "properties": {"城市": {"type": "string"}}, "required": ["城市"]}
TEXT = "北京今天的天气"
ASKED = {"instructions": TEXT}
ONCE = {"Idempotency-Key": "once"}


@pytest.fixture
def yuju(asking_api: Api) -> Yuju:
    return Yuju(asking_api.base_url, asking_api.key)


@pytest.fixture
def weather(asking_api: Api, receiver: Receiver) -> Json:
    receiver.default = answers(200, '{"天气":"晴"}'.encode(), {"Content-Type": "application/json"})
    return tools.make(asking_api, receiver.url, parameters=PARAMETERS)


def execute(yuju: Yuju, action: str, body: Any = ASKED, **headers: str) -> requests.Response:
    return yuju.post(body, path=f"/v1/openapi/exposed/{action}/execute/", headers=headers)


def executed(yuju: Yuju, action: str, body: Any = ASKED, **headers: str) -> Json:
    return dict(data(execute(yuju, action, body, **headers)))


def get(yuju: Yuju, path: str, **query: str) -> Json:
    params = {"apiKey": yuju.key, **query}
    response = requests.get(yuju.url(f"/v1/openapi/{path}"), params=params, timeout=30)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_the_model_must_call_the_one_tool_and_it_is_called_once(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"}), (weather["name"], {"城市": "上海"})))

    found = executed(yuju, weather["id"])

    asked = upstream.requests[0].body
    assert asked["messages"] == [{"role": "user", "content": TEXT}]
    assert asked["tool_choice"] == {"type": "function", "function": {"name": weather["name"]}}
    assert [tool["function"] for tool in asked["tools"]] == [
        {"name": weather["name"], "description": "Looks things up.", "parameters": PARAMETERS}
    ]
    assert found == {
        "id": found["id"],
        "action_used": weather["name"],
        "action_used_id": weather["id"],
        "input_params": {"城市": "北京"},
        "result": {"天气": "晴"},
        "status": "success",
        "error": None,
        "assistant_hint": None,
        "additional_results": [],
        "result_field_labels": {},
        "review_url": None,
    }
    assert found["id"].startswith("run_")
    assert [orjson.loads(sent.body) for sent in receiver.requests] == [{"城市": "北京"}]
    assert len(upstream.requests) == 1


def test_a_preview_calls_nothing_and_logs_nothing(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})))

    found = executed(yuju, weather["id"], {**ASKED, "preview_only": "true"})

    assert (found["status"], found["input_params"], found["result"]) == ("preview", {"城市": "北京"}, None)
    assert receiver.requests == []
    assert get(yuju, "exposed/logs")["Data"] == {"list": [], "next": None}


def test_a_repeated_request_calls_nothing_again(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})))

    first = executed(yuju, weather["id"], **ONCE)
    again = execute(yuju, weather["id"], **ONCE)
    other = execute(yuju, weather["id"], {"instructions": "else"}, **ONCE)

    assert (again.json()["Data"], again.headers["Idempotent-Replayed"]) == (first, "true")
    assert refusal(other)[0] == 409
    assert (len(upstream.requests), len(receiver.requests)) == (1, 1)


def test_a_repeated_request_says_what_came_of_the_call_of_a_tool_that_is_gone(
    yuju: Yuju, asking_api: Api, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})))
    first = executed(yuju, weather["id"], **ONCE)
    call(asking_api, "DELETE", f"tools/{weather['id']}")

    again = executed(yuju, weather["id"], **ONCE)

    assert (again, again["status"]) == (first, "success")
    assert refusal(execute(yuju, weather["id"]))[0] == 404
    assert (len(upstream.requests), len(receiver.requests)) == (1, 1)


@pytest.mark.parametrize(
    "unusable",
    [
        ('{"城市": ', "Its arguments are not valid JSON."),
        ("[1]", "Its arguments are not a JSON object."),
        ('{"n":' + "9" * 70_000 + "}", "Its arguments have more than 65536 bytes."),
    ],
)
def test_arguments_that_cannot_be_used_call_nothing(
    yuju: Yuju, receiver: Receiver, upstream: FakeUpstream, weather: Json, unusable: tuple[str, str]
) -> None:
    written, error = unusable
    upstream.script(tools.calls((weather["name"], written)))

    found = executed(yuju, weather["id"])

    assert (found["status"], found["error"], found["input_params"]) == ("error", error, None)
    assert receiver.requests == []


@pytest.mark.parametrize("written", ["", "{}", '{"城市": "北京"}'])
def test_a_call_that_was_cut_off_is_not_made(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json, written: str
) -> None:
    upstream.script(tools.calls((weather["name"], written), finish="length"))

    found = executed(yuju, weather["id"], **ONCE)

    assert (found["status"], found["input_params"], found["result"]) == ("error", None, None)
    assert found["error"] == "The model's answer was cut off, so the call may not be whole."
    assert executed(yuju, weather["id"], **ONCE) == found
    assert receiver.requests == []


def test_a_model_that_calls_nothing_is_told_with_its_words(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(says("哪个城市?"))

    found = executed(yuju, weather["id"])

    assert (found["status"], found["error"]) == ("error", "The model did not call the action.")
    assert (found["assistant_hint"], found["result"]) == ("哪个城市?", None)
    assert receiver.requests == []


def test_a_tool_that_fails_is_an_error_in_an_answer(
    yuju: Yuju, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    receiver.default = answers(500, "坏了".encode())
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})), tools.calls((weather["name"], {"city": 1})))

    failed = executed(yuju, weather["id"])
    unsent = executed(yuju, weather["id"])

    assert (failed["status"], failed["result"]) == ("error", None)
    assert "500" in failed["error"]
    assert unsent["error"].startswith("The tool was not called.")
    assert len(receiver.requests) == 1


def test_a_failing_vendor_is_an_error_of_the_family(yuju: Yuju, upstream: FakeUpstream, weather: Json) -> None:
    upstream.default = lambda _: fails(400)

    assert refusal(execute(yuju, weather["id"]))[0] == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        ({}, 400),
        ({"instructions": " "}, 400),
        ({"instructions": 5}, 400),
        ({"instructions": "a\0b"}, 400),
        ({"instructions": "字" * 32_001}, 400),
        (b'{"instructions":"\xed\xa0\x80"}', 400),
        ({"instructions": "hi", "preview_only": "maybe"}, 400),
    ],
)
def test_refuses_a_body_without_usable_instructions(
    yuju: Yuju, upstream: FakeUpstream, weather: Json, body: Any, status: int
) -> None:
    assert refusal(execute(yuju, weather["id"], body))[0] == status
    assert upstream.requests == []


def test_refuses_tools_that_cannot_be_called(
    yuju: Yuju, asking_api: Api, service: Service, upstream: FakeUpstream, weather: Json
) -> None:
    approved = tools.make(asking_api, weather["url"], needs_approval=True)
    disabled = tools.make(asking_api, weather["url"], enabled=False)
    stranger = Yuju(service.base_url, service.create_key(new_id()))

    assert refusal(execute(yuju, approved["id"])) == (400, "action_id: calls of the tool have to be approved")
    assert refusal(execute(yuju, disabled["id"])) == (400, "action_id: the tool is disabled")
    assert refusal(execute(stranger, weather["id"])) == (404, "tool not found")
    assert refusal(execute(yuju, "tool_0")) == (404, "tool not found")
    assert refusal(execute(yuju, "mcp_0.读")) == (404, "MCP server not found")
    assert upstream.requests == []


def test_a_run_beyond_its_limit_or_balance_calls_nothing(
    service: Service, upstream: FakeUpstream, receiver: Receiver
) -> None:
    api = Api(service.base_url, service.create_key(new_id(), "--calls", "0"))
    made = tools.make(api, receiver.url)

    assert refusal(execute(Yuju(api.base_url, api.key), made["id"]))[0] == 402
    assert (upstream.requests, receiver.requests) == ([], [])


def test_the_list_and_the_log(
    yuju: Yuju, asking_api: Api, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    tools.make(asking_api, receiver.url, enabled=False)
    upstream.script(
        tools.calls((weather["name"], {"城市": "北京"})),
        tools.calls((weather["name"], {"城市": 5})),
        # A call of an ordinary turn.
        tools.calls((weather["name"], {"城市": "上海"})),
        says("晴"),
    )
    first, second = executed(yuju, weather["id"]), executed(yuju, weather["id"])
    turn = asking_api.ask(TEXT, tools=[weather["id"]], id=new_id())

    listed = get(yuju, "exposed")["Data"]
    page = get(yuju, "exposed/logs", limit="2")["Data"]
    rest = get(yuju, "exposed/logs/", limit="2", cursor=page["next"])["Data"]

    assert [one["id"] for one in listed] == [weather["id"]]
    assert (listed[0]["params"], listed[0]["needs_approval"]) == (PARAMETERS, False)
    assert [one["run_id"] for one in page["list"]] == [turn.headers["X-Run-Id"], second["id"]]
    assert [one["input_params"] for one in page["list"]] == [{"城市": "上海"}, {"城市": 5}]
    assert [one["status"] for one in page["list"]] == ["done", "failed"]
    assert [(one["run_id"], one["result"]) for one in rest["list"]] == [(first["id"], {"天气": "晴"})]
    assert rest["next"] is None
    assert page["list"][1]["error"].startswith("The tool was not called.")


def test_a_log_of_another_account_is_none(yuju: Yuju, service: Service, upstream: FakeUpstream, weather: Json) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})))
    executed(yuju, weather["id"])
    place = get(yuju, "exposed/logs")["Data"]["list"][0]["id"]
    stranger = Yuju(service.base_url, service.create_key(new_id()))

    params = {"apiKey": stranger.key, "cursor": place}
    refused = requests.get(stranger.url("/v1/openapi/exposed/logs"), params=params, timeout=30)

    assert refusal(refused) == (400, "cursor is not one of ours")
    assert get(stranger, "exposed/logs")["Data"] == {"list": [], "next": None}
    assert get(stranger, "exposed")["Data"] == []


def test_what_is_kept_of_an_execution(yuju: Yuju, rows: Rows, upstream: FakeUpstream, weather: Json) -> None:
    upstream.script(tools.calls((weather["name"], {"城市": "北京"})))

    run_id = executed(yuju, weather["id"])["id"]

    found = rows.all(
        "SELECT c.status, c.result, s.is_stored, r.conversation_id FROM conversations_toolcall c "
        "JOIN conversations_run r ON r.id = c.run_id JOIN conversations_runstep s ON s.run_id = r.id "
        "WHERE r.public_id = %s",
        run_id,
    )
    assert found == [{"status": "done", "result": '{"天气":"晴"}', "is_stored": True, "conversation_id": None}]


def test_a_call_whose_end_is_refused_is_told_all_the_same_and_one_whose_row_is_refused_is_not_made(
    yuju: Yuju, rows: Rows, upstream: FakeUpstream, receiver: Receiver, weather: Json
) -> None:
    upstream.script(*(tools.calls((weather["name"], {"城市": "北京"})) for _ in range(2)))
    is_its = f"NEW.tool_id = '{weather['id']}'"

    with refusing(rows.change, "toolcall", "UPDATE", when=is_its):
        told = executed(yuju, weather["id"])
    with refusing(rows.change, "toolcall", "INSERT", when=is_its):
        unmade = execute(yuju, weather["id"])

    assert (told["status"], told["result"]) == ("success", {"天气": "晴"})
    assert [one["status"] for one in get(yuju, "exposed/logs")["Data"]["list"]] == ["running"]
    assert refusal(unmade)[0] == 500
    assert len(receiver.requests) == 1
