"""Journey: HTTP clients that are not the newest, or that try to be."""

import socket
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, user
from tests.journeys.rows import Rows

# What every JDK's HttpClient sends with its first request, unless it is told to use HTTP/1.1.
OFFER = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}


def post_by_http_1_0(api: Api, *, accept: str, question: str) -> tuple[str, bytes]:
    """Head and body, as `ab` or an old proxy reads them: until the connection ends."""
    body = orjson.dumps({"model": MODEL, "question": question})
    head = f"POST /aichat/conversations HTTP/1.0\r\nAuthorization: Bearer {api.key}\r\nAccept: {accept}\r\n"
    where = urlsplit(api.base_url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        found, _, rest = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return found.decode(), rest


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_an_offer_of_http_2_is_answered_by_http_1(api: Api, upstream: FakeUpstream, accept: str) -> None:
    """On one connection, which it keeps."""
    body = {"model": MODEL, "question": "Hi"}
    with requests.Session() as session:
        headers = {**api.headers, **OFFER, "Accept": accept}
        responses = [session.post(api.url, json=body, headers=headers, timeout=30) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    assert [response.raw.version for response in responses] == [11, 11]
    assert [request.messages for request in upstream.requests] == [[user("Hi")]] * 2


def test_a_client_of_http_1_0_reads_json(api: Api, upstream: FakeUpstream) -> None:
    head, body = post_by_http_1_0(api, accept="", question="Hi")

    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(body)}" in head.lower()
    assert orjson.loads(body)["answer"] == "1 messages; the last user message: Hi"


def test_a_client_of_http_1_0_reads_a_stream_without_chunks(api: Api, upstream: FakeUpstream) -> None:
    head, body = post_by_http_1_0(api, accept=NDJSON, question="Hi")

    *_, last = [orjson.loads(line) for line in body.removesuffix(b"\r\n").split(b"\r\n")]
    assert "transfer-encoding" not in head.lower()
    assert last["answer"] == "1 messages; the last user message: Hi"


@pytest.mark.parametrize("host", ["my_host:8000", "other.example", "[::1]:8000"])
def test_the_next_page_has_the_host_of_the_request(api: Api, rows: Rows, upstream: FakeUpstream, host: str) -> None:
    """Also where its name has an underscore, as container networks give them."""
    thread = new_id()
    for question in ("1", "2"):
        api.answer(question, id=thread)

    url = f"{api.base_url}/api/v1/runs?limit=1&conversation={thread}"
    page = requests.get(url, headers={**api.headers, "Host": host}, timeout=30)

    assert page.status_code == 200
    assert page.json()["next"].startswith(f"http://{host}/api/v1/runs?limit=1&conversation={thread}&cursor=run_")
