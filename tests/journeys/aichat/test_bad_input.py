"""Journey: whatever is wrong with a request is a clear 4xx; nothing is stored, and nothing is sent upstream."""

import gzip
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.journeys.clients.aichat import MODEL, NDJSON, Api, refusal

BAD = (400, "bad_request")
NOT_YET = (400, "api_not_implemented")
LONG_BODY = 20_000_001

pytestmark = pytest.mark.usefixtures("nothing_stored_or_asked")


def raw(value: str) -> bytes:
    """A turn whose question is this JSON."""
    return f'{{"model": "{MODEL}", "question": {value}}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hello",
        b"{'model': 'gpt-4o'}",
        b'{"model": "gpt-4o", "question": "Hi",}',
        raw('"Hi"') + b"x",
        b"model=gpt-4o&question=Hi",
        raw("NaN"),
        raw("Infinity"),
        raw("1e400"),
        raw('"\\ud83d"'),
        raw('"\\udc4b\\ud83d"'),
        raw('"\\x41"'),
        raw('"a\nb"'),
        raw('"Hi"').replace(b"Hi", b"\xff\xfe"),
        raw('"Hi"').replace(b"Hi", b"\xed\xa0\x80"),
        raw('"Hi"').replace(b"Hi", "你好".encode("gbk")),
        raw('"Hi"').decode().encode("utf-16"),
        raw("[" * 100_000 + "]" * 100_000),
        raw("[" * 100_000),
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_not_json_in_utf_8_is_refused(api: Api, body: bytes) -> None:
    assert refusal(api.post(body)) == (*BAD, "The request body is not valid JSON in UTF-8.")


@pytest.mark.parametrize("body", [[], [{"model": "gpt-4o"}], "hello", 1, None])
def test_a_body_that_is_not_an_object_is_refused(api: Api, body: Any) -> None:
    assert refusal(api.post(body)) == (*BAD, "The request body must be a JSON object.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "model is required"),
        ({"question": "Hi"}, "model is required"),
        ({"model": None, "question": "Hi"}, "model is required"),
        ({"model": "", "question": "Hi"}, "model is required"),
        ({"model": "gpt-4o"}, "question is required"),
        ({"model": "gpt-4o", "question": None}, "question is required"),
        ({"model": "gpt-4o", "question": ""}, "question is required"),
        ({"model": "gpt-4o", "question": " \t\r\n\u3000"}, "question is required"),
        ({"model": "gpt-4o", "question": " ", "references": []}, "question is required"),
    ],
)
def test_a_missing_field_is_named(api: Api, body: Any, message: str) -> None:
    assert refusal(api.post(body)) == (*BAD, message)


WRONG_TEXTS: list[Any] = [1, 1.5, True, [], {}, ["a"], {"a": "b"}]


WRONG: dict[str, list[Any]] = {
    **dict.fromkeys(("model", "question", "id", "preset"), WRONG_TEXTS),
    "stateful": [1, 0, "yes", "", "1", [], {}, "truefalse"],
    "async": [1, "yes", [], {}],
    "callback_url": [1, True, []],
    "action": [1, False, {}],
    "references": [
        *("https://a.example/x.png", 1, True, {}, {"url": "https://a.example"}),
        *([value] for value in (1, None, True, [], ["https://a.example"], {}, {"url": 5}, {"name": "x"})),
    ],
}


@pytest.mark.parametrize("accept", ["", NDJSON])
@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG.items() for value in values], ids=repr
)
def test_a_field_of_the_wrong_type_is_named(api: Api, field: str, value: Any, accept: str) -> None:
    status, code, message = refusal(api.ask(**{"question": "Hi", "accept": accept, field: value}))

    assert (status, code) == BAD
    assert message.startswith(field)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("question", "a\x00b", "question contains a NUL character"),
        ("preset", "\x00", "preset contains a NUL character"),
        ("id", "a\x00", "id contains a NUL character"),
        ("callback_url", "https://a.example/\x00", "callback_url contains a NUL character"),
        ("trace_id", "\x00", "trace_id contains a NUL character"),
        ("of no meaning", {"here": ["\x00"]}, "of no meaning.here[0] contains a NUL character"),
        ("metadata", {"\x00": 1}, "a name in metadata contains a NUL character"),
        ("references", ["ok", "a\x00"], "references[1] contains a NUL character"),
        ("references", [{"url": "https://a.example/x", "name": "\x00"}], "references[0].name contains a NUL character"),
        ("references", [""], "references[0] is empty"),
        ("references", ["a", " \n"], "references[1] is empty"),
        ("references", ["https://"], "references[0] is not a valid URL"),
        ("references", ["https:///x.png"], "references[0] is not a valid URL"),
        ("references", ["http://[::1/x.png"], "references[0] is not a valid URL"),
        ("references", ["data:image/png;base64"], "references[0] is not a complete data URL"),
        ("references", ["https://a.example/" + "x" * 8192], "references[0] is longer than 8192 characters"),
        ("references", [{"url": "ftp://a.example/x"}], "references[0].url must be an http, https or data URL"),
        ("references", [{"url": "a sentence"}], "references[0].url must be an http, https or data URL"),
        ("references", [{"url": "https://a.example", "name": 5}], "references[0].name must be a string"),
        (
            "references",
            [{"url": "https://a.example", "name": "n" * 256}],
            "references[0].name is longer than 255 characters",
        ),
        ("references", ["x"] * 65, "references: must have at most 64 elements."),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_an_invalid_value_is_explained(api: Api, field: str, value: Any, message: str) -> None:
    assert refusal(api.ask(**{"question": "Hi", field: value})) == (*BAD, message)


@pytest.mark.parametrize(
    "thread",
    ["a" * 129, "a" * 10_000, "a b", "a/b", "../etc/passwd", "a\n", "你好", "é", "'; DROP TABLE", " ", "%00"],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("stateful", [True, False])
def test_an_id_with_other_characters_or_too_long_is_refused(api: Api, thread: str, stateful: bool) -> None:
    response = api.ask("Hi", id=thread, stateful=stateful)

    assert refusal(response) == (*BAD, "id must be at most 128 characters of A-Z a-z 0-9 . _ -")


@pytest.mark.parametrize("model", ["m" * 201, "m" * 100_000, "a\x00b"], ids=lambda value: repr(value)[:20])
def test_a_very_long_model_name_is_not_quoted_in_full(api: Api, model: str) -> None:
    status, code, message = refusal(api.ask("Hi", model=model))

    assert (status, code) == BAD
    assert "m" * 101 not in message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"action": "list"}, 'Only the action "chat" is served.'),
        ({"action": "delete", "model": None, "question": None}, 'Only the action "chat" is served.'),
    ],
)  # fmt: skip
def test_an_action_that_is_not_served_is_refused(api: Api, fields: dict[str, Any], message: str) -> None:
    assert refusal(api.post({"model": MODEL, "question": "Hi", **fields})) == (*NOT_YET, message)


def test_a_body_whose_length_is_above_the_limit_is_refused(api: Api) -> None:
    response = api.post(b" " * LONG_BODY)

    assert refusal(response) == (413, "request_entity_too_large", "The request body is too large.")


def test_a_chunked_body_that_grows_above_the_limit_is_refused(api: Api) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LONG_BODY // 100_000 + 1):
            yield b" " * 100_000

    response = requests.post(api.url, data=pieces(), headers=api.headers, timeout=30)

    assert response.request.headers["Transfer-Encoding"] == "chunked"
    assert refusal(response) == (413, "request_entity_too_large", "The request body is too large.")


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "x"])
def test_a_compressed_body_is_refused(api: Api, encoding: str) -> None:
    response = api.post(gzip.compress(raw('"Hi"')), headers={"Content-Encoding": encoding})

    message = "The request body must not be compressed: no Content-Encoding is understood."
    assert refusal(response) == (*BAD, message)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/runs/%00",
        "/api/v1/runs/a%00b",
        "/api/v1/runs/%00/stream",
        "/api/v1/deliveries/%00",
        "/api/v1/webhook_endpoints/%00",
    ],
)
def test_a_nul_in_a_path_is_not_found(api: Api, path: str) -> None:
    response = requests.get(api.base_url + path, headers=api.headers, timeout=30)

    assert refusal(response) == (404, "not_found", "Not found.")


@pytest.mark.parametrize("name", ["conversation", "cursor", "status", "after", "endpoint", "of no meaning"])
@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/events", "/api/v1/deliveries"])
def test_a_nul_in_a_query_is_refused(api: Api, path: str, name: str) -> None:
    response = requests.get(api.base_url + path, params={name: "\x00"}, headers=api.headers, timeout=30)

    assert refusal(response) == (*BAD, "The query contains a NUL character.")


@pytest.mark.parametrize("query", ["conversation=%ff%fe", "conversation=%ed%a0%80", "x=" + "9" * 30_000])
def test_an_odd_query_is_understood(api: Api, query: str) -> None:
    response = requests.get(f"{api.base_url}/api/v1/runs?limit=1&{query}", headers=api.headers, timeout=30)

    assert response.status_code == 200
    assert len(response.json()["results"]) <= 1


def test_a_query_of_too_many_parameters_is_refused(api: Api) -> None:
    query = "&".join(f"a{number}=" for number in range(5_000))

    response = requests.get(f"{api.base_url}/api/v1/runs?{query}", headers=api.headers, timeout=30)

    assert refusal(response) == (*BAD, "The query has too many parameters.")


def test_options_without_a_path_is_not_found(api: Api) -> None:
    with socket.create_connection((urlsplit(api.base_url).hostname, urlsplit(api.base_url).port), timeout=30) as client:
        client.sendall(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = client.makefile("rb").read()

    assert got.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b'"code":"no_api"' in got
