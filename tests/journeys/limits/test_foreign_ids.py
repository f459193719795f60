"""Journey: on every route an id of another account is answered as one that nobody has, byte for byte."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import pytest
import requests

from conversations.values import msg_keys
from conversations.views.schema.document import PATH
from tests.fakes.receiver import Receiver
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import call, list_deliveries, make
from tests.journeys.service import Service
from tests.waiting import eventually

ALL_SCOPES = [f"--scope={scope}" for scope in ("aichat", "openai", "api", "keys", "yuju")]
# What in a path or query is an id. A cursor is one of a row of its list.
OF_QUERIES = {"run": "run_id", "conversation": "conversation_id", "endpoint": "endpoint_id", "key": "key_id"}
CURSORS = {
    "/api/v1/assistants": "assistant_id",
    "/api/v1/conversations": "conversation_id",
    "/api/v1/conversations/{conversation_id}/messages": "message_id",
    "/api/v1/deliveries": "delivery_id",
    "/api/v1/erasures": "erasure_id",
    "/api/v1/events": "event_id",
    "/api/v1/intents": "intent_id",
    "/api/v1/keys": "key_id",
    "/api/v1/knowledge": "base_id",
    "/api/v1/knowledge/{base_id}/documents": "document_id",
    "/api/v1/runs": "run_id",
    "/api/v1/usage": "conversation_id",
    "/api/v1/visitors": "visitor_id",
    "/api/v1/visitors/{visitor_id}/conversations": "conversation_id",
    "/v1/openapi/chat/record": "run_id",
    "/v1/openapi/cost/details": "msg_key",
    "/v1/openapi/exposed/logs": "call_place",
}
# The siblings of Yuju's chat have names of their own for them.
OF_QUERIES |= {"kbs": "base_id", "ibotID": "assistant_id", "ibot_id": "assistant_id", "msg_id": "msg_key"}
OF_QUERIES |= {"contact_id": "visitor_id", "visitor": "visitor_id", "assistant": "assistant_id"}
IN_PATHS = {"kbs": "base_id", "action_id": "tool_id"}
NO_IDS = {
    *("limit", "status", "since", "until", "event_type", "type", "format", "starting_after", "model"),
    *("by", "from", "to", "before", "text", "version"),
    *("external_id", "name", "email", "mobile", "archived", "order"),
    *("name", "key_world", "count", "page", "page_size", "start_at", "end_at", "cost_type"),
    *("channel_id", "start_date", "end_date"),
}
# Bodies that a route takes, so that it comes as far as the id.
BODIES: Mapping[str, Any] = {"patch": {"description": "mine", "name": "mine"}, "post": {}}
OWN_BODIES: Mapping[str, Any] = {
    "/api/v1/knowledge/{base_id}/documents": {"name": "mine", "text": "mine"},
    "/api/v1/knowledge/{base_id}/search": {"query": "mine"},
    "/api/v1/visitors/{visitor_id}/merge": {"into": "mine"},
    "/v1/openapi/exposed/{action_id}/execute": {"instructions": "mine"},
    "/v1/openapi/kbs-add-content/{kbs}": {"c_type": 1, "content": "mine"},
}
# What else a query must have.
OWN_QUERIES: Mapping[str, Mapping[str, str]] = {"/v1/openapi/kbs-content": {"key_world": "mine"}}
# What differs between any two requests.
VOLATILE = {
    *("date", "x-request-id", "openai-processing-ms"),
    # Whether a body that no route reads was there when it answered.
    "connection",
    *("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """`id` is the kind of id that it names."""

    method: str
    path: str
    query: str
    id: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.query}".strip()


@cache
def requests_with_ids() -> list[Request]:
    """Of every operation in the document: with an id in its path, or in one of its parameters."""
    return [
        found
        for path, operations in orjson.loads(PATH.read_bytes())["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if (found := _request(method, path, parameter)) is not None
    ]


def _request(method: str, path: str, parameter: Mapping[str, Any]) -> Request | None:
    name = parameter["name"]
    if parameter["in"] == "header" or name in NO_IDS:
        return None
    if parameter["in"] == "path":
        return Request(method, path, "", IN_PATHS.get(name, name))
    return Request(method, path, name, CURSORS[path] if name in ("cursor", "after") else OF_QUERIES[name])


@pytest.fixture(scope="module")
def receiver_of_ann() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def of_ann(service: Service, vendor: FakeUpstream, receiver_of_ann: Receiver) -> dict[str, str]:
    """One id of each kind, all of ann's."""
    vendor.reset()
    account = new_id()
    ann = Api(service.base_url, service.create_key(account, *ALL_SCOPES))
    endpoint = make(ann, receiver_of_ann.url)
    thread = new_id()
    turn = ann.ask("Hello", id=thread)
    # A short conversation is erased at once, without a row that says how far it is.
    service.in_shell(
        "from conversations.models import Account, Erasure; from django.utils.timezone import now; "
        f"Erasure.objects.create(account=Account.objects.get(name={account!r}), subject='conversation', "
        "subject_key=0, subject_id='gone', requested_by='a test', finished_at=now())"
    )
    delivery = eventually(lambda: list_deliveries(ann), bool)[0]
    base = call(ann, "POST", "knowledge", status=201, json={"name": new_id()})["id"]
    document = {"name": "mine", "text": "Herons nest early."}
    return {
        "base_id": base,
        "document_id": call(ann, "POST", f"knowledge/{base}/documents", status=202, json=document)["id"],
        "run_id": turn.headers["X-Run-Id"],
        "call_place": f"{turn.headers['X-Run-Id']}.1.0",
        "msg_key": msg_keys.of_run(turn.headers["X-Run-Id"]),
        "conversation_id": thread,
        "message_id": call(ann, "GET", f"conversations/{thread}/messages")["results"][0]["id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": delivery["id"],
        "event_id": call(ann, "GET", "events")["results"][0]["id"],
        "erasure_id": call(ann, "GET", "erasures")["results"][0]["id"],
        "tool_id": call(ann, "POST", "tools", status=201, json={"name": "of_ann", "url": receiver_of_ann.url})["id"],
        "server_id": call(ann, "POST", "mcp_servers", status=201, json={"name": "of_ann", "url": receiver_of_ann.url})[
            "id"
        ],
        "visitor_id": call(ann, "POST", "visitors", status=201, json={"name": "of_ann"})["id"],
        "assistant_id": call(ann, "POST", "assistants", status=201, json={"name": "of_ann"})["id"],
        "intent_id": call(ann, "POST", "intents", status=201, json={"name": "of_ann"})["id"],
        "key_id": call(ann, "GET", "keys")["results"][0]["id"],
    }


@pytest.fixture(scope="module")
def bob(service: Service) -> Api:
    return Api(service.base_url, service.create_key(new_id(), *ALL_SCOPES))


def unknown(known: str) -> str:
    """An id of the same form that nobody has."""
    return known[:-6] + "".join("0" if digit != "0" else "1" for digit in known[-6:])


def answer(bob: Api, request: Request, id_: str) -> tuple[int, dict[str, str], str]:
    path = re.sub(r"\{[^}]*\}", id_, request.path)
    body = OWN_BODIES.get(request.path) if request.method == "post" else None
    response = requests.request(
        request.method,
        bob.base_url + path,
        params={**OWN_QUERIES.get(request.path, {}), **({request.query: id_} if request.query else {})},
        json=body or BODIES.get(request.method),
        headers=bob.headers,
        timeout=30,
    )
    return shown(response, id_)


def shown(response: requests.Response, id_: str) -> tuple[int, dict[str, str], str]:
    headers = {name.lower(): value for name, value in response.headers.items() if name.lower() not in VOLATILE}
    body = re.sub(r'"trace_id":"[^"]*"', "", response.text).replace(id_, "<id>")
    return response.status_code, headers, body


@pytest.mark.parametrize("request_", requests_with_ids(), ids=str)
def test_an_id_of_another_account_is_one_that_nobody_has(bob: Api, of_ann: dict[str, str], request_: Request) -> None:
    foreign = of_ann[request_.id]

    assert answer(bob, request_, foreign) == answer(bob, request_, unknown(foreign))


@pytest.mark.parametrize("route", ["/aichat/tasks", "/v1/tasks"])
@pytest.mark.parametrize("field", ["id", "trace_id"])
def test_a_task_of_another_account_is_one_that_nobody_has(
    service: Service, bob: Api, upstream: FakeUpstream, route: str, field: str
) -> None:
    ann = Api(service.base_url, service.create_key(new_id()))
    accepted = ann.post({"model": MODEL, "question": "Hi", "async": True}).json()
    value = accepted["task_id" if field == "id" else "trace_id"]

    def poll(body: Any) -> tuple[int, dict[str, str], str]:
        return shown(requests.post(bob.base_url + route, json=body, headers=bob.headers, timeout=30), value)

    assert poll({field: value}) == poll({field: unknown(value)})
    batch = {"action": "retrieve_batch"}
    assert poll({**batch, f"{field}s": [value]}) == poll({**batch, f"{field}s": [unknown(value)]})


def test_a_conversation_of_another_account_begins_anew(
    new_api: Api, of_ann: dict[str, str], upstream: FakeUpstream
) -> None:
    mine = new_api.answer("Hello again", id=of_ann["conversation_id"])

    assert mine["answer"] == "1 messages; the last user message: Hello again"
