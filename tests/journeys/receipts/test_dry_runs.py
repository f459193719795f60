"""Journey: what would be sent for a turn, without asking the model, storing or charging."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import requests

from tests.fakes.receiver import Receiver, answers_once
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients import tools
from tests.journeys.clients.aichat import MODEL, PATH, Api, new_id, refusal, user
from tests.journeys.clients.openai import Chat
from tests.journeys.clients.openai import refusal as openai_refusal
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.journeys.service import Service
from tests.waiting import eventually

COMPLETIONS, VECTORS = "gpt-4o-mini", "text-embedding-3-small"
DRY = {"X-Dry-Run": "true"}


def tried(response: requests.Response) -> Json:
    assert response.status_code == 200, response.text
    found: Json = response.json()
    assert (found["object"], found["run"], found["dry_run"]) == ("context", None, True)
    return found


def outline(found: Json) -> list[tuple[str, str]]:
    return [(message["origin"], message["role"]) for message in found["messages"]]


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_first_question_is_only_described(api: Api) -> None:
    response = api.post({"model": MODEL, "question": "Hello", "preset": "Be brief.", "id": new_id()}, headers=DRY)

    found = tried(response)
    assert outline(found) == [("preset", "system"), ("question", "user")]
    assert found["conversation"] is None
    assert "X-Run-Id" not in response.headers
    assert found["usage"] is None


def test_a_later_question_has_its_history_and_leaves_it(new_api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    new_api.answer("Hello", id=thread, preset="Be brief.")
    before = rows.counts()

    found = tried(new_api.post({"model": MODEL, "question": "Again", "id": thread}, headers=DRY))

    assert outline(found) == [("preset", "system"), ("history", "user"), ("history", "assistant"), ("question", "user")]
    assert found["conversation"] == thread
    assert found["beside_active_run"] is False
    assert (rows.counts(), len(upstream.requests)) == (before, 1)
    new_api.answer("Again", id=thread)
    assert len(upstream.requests[1].messages) == found["sent"]


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_every_route_of_turns_has_it(chat: Chat) -> None:
    messages = {"model": MODEL, "messages": [user("Hello")], "temperature": 0.5}

    answer = tried(chat.post({**messages, "stream": True}, headers=DRY))
    completion = chat.post({"model": COMPLETIONS, "prompt": ["One", "Two"]}, route="/v1/completions", headers=DRY)
    vector = chat.post({"model": VECTORS, "input": "One"}, route="/v1/embeddings", headers=DRY)

    assert (answer["operation"], answer["options"]) == ("chat", {"temperature": 0.5})
    assert (tried(completion)["operation"], completion.json()["texts"]) == ("completion", 2)
    assert (tried(vector)["operation"], vector.json()["texts"]) == ("embedding", 1)


@pytest.mark.usefixtures("nothing_stored_or_asked")
@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"callback_url": "https://example.com/x"}, {}),
        ({"async": True}, {}),
        ({}, {"Idempotency-Key": "one"}),
        ({}, {"X-Dry-Run": ""}),
        ({}, {"X-Dry-Run": "1"}),
        ({}, {"X-Dry-Run": "true, true"}),
        ({}, {"X-Dry-Run": "true" * 1000}),
    ],
)
def test_what_it_cannot_be_sent_with_is_refused(
    api: Api, chat: Chat, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    sent = {**DRY, **headers}
    ours = api.post({"model": MODEL, "question": "Hello", **fields}, headers=sent)
    theirs = chat.post({"model": MODEL, "messages": [user("Hello")], **fields}, headers=sent)

    assert refusal(ours)[:2] == (400, "bad_request")
    assert "X-Dry-Run" in refusal(ours)[2]
    assert openai_refusal(theirs)[0] == 400


def test_the_header_twice_is_refused(api: Api) -> None:
    host = urlsplit(api.base_url)
    body = b'{"model": "gpt-4o-mini", "question": "Hello"}'
    headers = (*api.headers.items(), *DRY.items(), *DRY.items(), ("Content-Length", str(len(body))))

    with closing(HTTPConnection(host.hostname or "", host.port, timeout=30)) as connection:
        connection.putrequest("POST", PATH)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        status = connection.getresponse().status

    assert status == 400


def test_false_is_an_ordinary_turn(api: Api, upstream: FakeUpstream) -> None:
    response = api.post({"model": MODEL, "question": "Hello"}, headers={"X-Dry-Run": "false"})

    assert response.json()["answer"]
    assert len(upstream.requests) == 1


@pytest.mark.usefixtures("nothing_stored_or_asked")
def test_a_reference_that_cannot_be_read_is_named(api: Api) -> None:
    body = {"model": MODEL, "question": "Well?", "references": ["https://127.0.0.1:1/x.txt"]}

    status, code, message = refusal(api.post(body, headers=DRY))

    assert (status, code) == (400, "bad_request")
    assert "references[0]" in message


def kept(rows: Rows) -> list[Json]:
    """What was read of files, for all accounts."""
    return rows.all("SELECT id, used_at FROM conversations_content ORDER BY id")


def test_what_is_read_for_it_is_not_kept(api: Api, upstream: FakeUpstream, rows: Rows, web: FakeWeb) -> None:
    page = web.page("/alder.txt", "Alder wood floats.", media_type="text/plain")
    before = rows.counts(), kept(rows)

    found = tried(api.post({"model": MODEL, "question": "Well?", "references": [page]}, headers=DRY))

    (source,) = found["sources"]
    assert (source["number"], source["kind"], source["url"]) == (1, "reference", page)
    assert [(file["shown"], file["source"]) for file in found["files"]] == [("text", 1)]
    assert found["sources_at"] == 0
    assert (rows.counts(), kept(rows)) == before
    assert upstream.requests == []


def test_whatever_a_turn_may_have_it_writes_no_row(
    new_api: Api, upstream: FakeUpstream, rows: Rows, web: FakeWeb, receiver: Receiver
) -> None:
    thread = new_id()
    tool = tools.make(new_api, receiver.url)
    base = call(new_api, "POST", "knowledge", status=201, json={"name": new_id()})["id"]
    path = f"knowledge/{base}/documents"
    document = call(new_api, "POST", path, status=202, json={"name": "Ulm", "text": "The tower of Ulm is high."})["id"]
    eventually(lambda: call(new_api, "GET", f"{path}/{document}")["status"], lambda status: status == "ready")
    page = web.page("/ulm", "The tower of Ulm is 161 metres high.", media_type="text/plain")
    web.finds(("Ulm Minster", page, "a tower"))
    new_api.answer("Hello", id=thread)
    before, asked = rows.counts_of_all(), len(upstream.requests)
    body = {"model": MODEL, "question": "How high is the tower of Ulm?", "id": thread, "references": [page]}

    found = tried(new_api.post({**body, "knowledge": base, "search": True, "tools": [tool["id"]]}, headers=DRY))

    assert {source["kind"] for source in found["sources"]} == {"reference", "knowledge", "search"}
    assert found["tools"]["declared"] == [tool["name"]]
    assert (rows.counts_of_all(), len(upstream.requests), receiver.requests) == (before, asked, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "no-such-model"},
        {"knowledge": "kb_none"},
        {"tools": ["tool_none"]},
        {"references": ["https://127.0.0.1:1/x.txt"]},
    ],
)
def test_what_the_turn_is_refused_for_it_is_refused_for(
    api: Api, upstream: FakeUpstream, rows: Rows, fields: dict[str, Any]
) -> None:
    body = {"model": MODEL, "question": "Hello", **fields}
    before = rows.counts_of_all()

    found = refusal(api.post(body, headers=DRY))

    assert rows.counts_of_all() == before
    assert found == refusal(api.post(body))
    assert (found[0], upstream.requests) == (400, [])


def test_one_of_twenty_megabytes_is_tried(new_api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    before = rows.counts()
    body = {"model": MODEL, "messages": [user("a" * 100_000) for _ in range(150)], "store": False}
    chat = Chat(new_api.base_url, new_api.key)

    found = tried(chat.post(body, headers=DRY))

    assert found["sent"] == 150
    assert (rows.counts(), upstream.requests) == (before, [])


def test_who_leaves_stops_it(api: Api, web: FakeWeb, valkey: redis.Redis) -> None:
    released = threading.Event()
    body = {"model": MODEL, "question": "Well?", "references": [web.page("/slow.txt", answers_once(released))]}

    with pytest.raises(requests.Timeout):
        requests.post(api.url, json=body, headers={**api.headers, **DRY}, timeout=2)

    assert eventually(lambda: valkey.keys("parley:dry:*"), lambda keys: keys == []) == []
    released.set()


def test_beside_an_active_run_it_is_as_of_now(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("slow").stalled_after(0))
    new_api.post({"model": MODEL, "question": "Hello", "id": thread, "async": True})
    upstream.wait_for_requests(1)

    found = tried(new_api.post({"model": MODEL, "question": "Again", "id": thread}, headers=DRY))

    assert found["beside_active_run"] is True
    assert outline(found) == [("question", "user")]
    upstream.release()


def test_a_deleted_conversation_has_none(new_api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    new_api.answer("Hello", id=thread)
    requests.delete(f"{new_api.base_url}/api/v1/conversations/{thread}", headers=new_api.headers, timeout=30)

    assert refusal(new_api.post({"model": MODEL, "question": "Again", "id": thread}, headers=DRY))[0] == 404


def test_an_account_has_two_at_once_and_hinders_nobody(
    service: Service, api: Api, upstream: FakeUpstream, web: FakeWeb
) -> None:
    crowd = Api(service.base_url, service.create_key(new_id()))
    released = threading.Event()
    slow = web.page("/slow.txt", answers_once(released))
    body = {"model": MODEL, "question": "Well?", "references": [slow]}

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(crowd.post, body, headers=DRY) for _ in range(8)]
        refused = eventually(lambda: [one.result() for one in asked if one.done()], lambda done: len(done) >= 4)
        api.answer("Hello")
        released.set()

    assert {response.status_code for response in refused} == {429}
    assert {response.headers["Retry-After"] for response in refused} == {"1"}
    assert len(upstream.requests) == 1
