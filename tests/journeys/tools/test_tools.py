"""Journey: tools over the API, called through the guard."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.fakes.receiver import Receiver, answers, stalls
from tests.fakes.replies import Json
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.journeys.service import Service

SECRET = "Bearer tool-secret-0123456789"
TOO_LATE = "The tool failed: the server took too long."
PARAMETERS = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "units": {"enum": ["c", "f"]}},
    "required": ["id"],
}


def make(api: Api, url: str, **fields: object) -> Json:
    return call(api, "POST", "tools", status=201, json={"name": "weather", "url": url, **fields})


def refused(api: Api, method: str, tail: str, body: Json) -> tuple[int, str]:
    response = requests.request(method, f"{api.base_url}/api/v1/{tail}", headers=api.headers, json=body, timeout=30)
    return response.status_code, response.json()["error"]["message"]


def test_a_tool_is_made_tried_changed_and_deleted(new_api: Api, receiver: Receiver) -> None:
    receiver.default = answers(200, b'{"degrees":21}', {"Content-Type": "application/json"})
    url = receiver.url.replace("/hook", "/cities/{id}")

    made = make(new_api, url, method="GET", parameters=PARAMETERS, headers={"Authorization": SECRET})
    tried = call(new_api, "POST", f"tools/{made['id']}/try", json={"arguments": {"id": "Oslo/N", "units": "c"}})
    changed = call(new_api, "PATCH", f"tools/{made['id']}", json={"needs_approval": True, "enabled": False})
    listed = call(new_api, "GET", "tools")
    deleted = call(new_api, "DELETE", f"tools/{made['id']}")

    assert made["id"].startswith("tool_")
    assert (made["url"], made["method"], made["arguments_in"]) == (url, "GET", "query")
    assert (made["header_names"], made["timeout_seconds"], made["enabled"]) == (["Authorization"], 30, True)
    assert {**tried, "seconds": 0} == {
        "object": "tool_trial",
        "is_error": False,
        "status": 200,
        "seconds": 0,
        "text": '{"degrees":21}',
        "is_cut": False,
    }
    assert (receiver.requests[0].path, receiver.requests[0].body) == ("/cities/Oslo%2FN?units=c", b"")
    assert receiver.requests[0].headers["authorization"] == SECRET
    assert changed == {**made, "needs_approval": True, "enabled": False, "changed_at": changed["changed_at"]}
    assert listed == {"results": [changed], "next": None}
    assert deleted == {"id": made["id"], "object": "tool", "deleted": True}
    assert call(new_api, "GET", "tools") == {"results": [], "next": None}
    assert SECRET not in f"{made} {tried} {changed} {listed}"


def test_a_secret_is_in_no_row_and_no_log(service: Service, new_api: Api, receiver: Receiver, rows: Rows) -> None:
    made = make(new_api, receiver.url, headers={"X-Key": SECRET})
    receiver.default = answers(500, f"You sent {SECRET}.".encode())
    call(new_api, "POST", f"tools/{made['id']}/try", json={})

    refusal = refused(new_api, "PATCH", f"tools/{made['id']}", {"headers": {"X-Key": f"{SECRET}\n"}})

    assert refusal == (400, "headers: X-Key must be up to 4096 visible ASCII characters")
    assert rows.all("SELECT public_id FROM conversations_tool t WHERE t::text LIKE %s", f"%{SECRET}%") == []
    assert SECRET not in service.log


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"url": "https://a.example"}, "name is required"),
        ({"name": "a"}, "url is required"),
        ({"name": "a b", "url": "http://127.0.0.1/"}, "name must be 1 to 64 of the characters A-Z a-z 0-9 _ -"),
        ({"name": "a", "url": "ftp://127.0.0.1/"}, "url: the URL must begin with http:// or https://"),
        ({"name": "a", "url": "http://10.0.0.1/"}, "url: the URL leads to an address that is not public"),
        ({"name": "a", "url": "http://169.254.169.254/"}, "url: the URL leads to an address that is not public"),
        ({"name": "a", "url": "http://{host}/"}, "url: the URL has no valid host"),
        ({"name": "a", "url": "http://127.0.0.1/", "parameters": []}, "parameters: must be a JSON object."),
        ({"name": "a", "url": "http://127.0.0.1/", "headers": {"a": 1}}, "headers: must be a JSON object of strings."),
        (
            {"name": "a", "url": "http://127.0.0.1/", "timeout_seconds": 500},
            "timeout_seconds: must be a whole number from 1 to 120.",
        ),
        ({"name": "a", "url": "http://127.0.0.1/", "description": "\x00"}, "description contains a NUL character"),
    ],
)
def test_what_could_not_be_called_is_refused(api: Api, body: Json, message: str) -> None:
    assert refused(api, "POST", "tools", body) == (400, message)


def test_a_trial_tells_what_went_wrong(new_api: Api, receiver: Receiver) -> None:
    made = make(new_api, receiver.url, parameters=PARAMETERS, timeout_seconds=1)
    receiver.default = stalls()

    unsent = call(new_api, "POST", f"tools/{made['id']}/try", json={"arguments": {"id": 5}})
    late = call(new_api, "POST", f"tools/{made['id']}/try", json={"arguments": {"id": "5"}})

    assert unsent["text"] == 'The tool was not called. id: 5 is not of type "string"'
    assert (late["text"], late["is_error"], late["status"]) == (
        "The tool failed: the server took too long.",
        True,
        None,
    )
    assert len(receiver.requests) == 1


def test_tools_that_never_answer_keep_no_other_account_waiting(
    new_api: Api, other_api: Api, receiver: Receiver
) -> None:
    made = make(new_api, receiver.url)
    others = make(other_api, receiver.url)
    over = threading.Event()

    def waits(peer: socket.socket, closed: threading.Event) -> None:
        over.wait(60)
        answers(200, b"late")(peer, closed)

    receiver.script(waits, waits)
    url = f"{new_api.base_url}/api/v1/tools/{made['id']}/try"

    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(requests.post, url, headers=new_api.headers, timeout=60) for _ in range(2)]
        receiver.wait(2)
        tried = call(other_api, "POST", f"tools/{others['id']}/try", json={})
        refusal = refused(new_api, "POST", f"tools/{made['id']}/try", {})
        call(new_api, "GET", "tools")
        over.set()
        waited = [one.result(60).json()["text"] for one in held]
    call(other_api, "DELETE", f"tools/{others['id']}")

    assert (tried["status"], tried["text"]) == (200, "ok")
    assert refusal == (429, "Too many of your tools are being tried; try again later.")
    assert waited == ["late", "late"]
