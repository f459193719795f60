"""HTTP tools: the request that is sent, and what becomes of every kind of response."""

import gzip
import time
import tracemalloc

import pytest

from conversations.outbound.addresses import ranges
from conversations.tools.callers import Callers
from tests.fakes import receiver as fake
from tests.fakes.receiver import Receiver, answers
from tests.integration.conversations.tools.conftest import OPEN, http_tool
from tests.unit.conversations.outbound.answers import Resolver

# An upper bound where only a broken one comes: the calls below have 1 s.
BROKEN_SECONDS = 20.0
JSON = {"Content-Type": "application/json"}
NO_TEXT = "it is no text, and not shown"
COMPRESSED = "The tool failed: the server sent a compressed response, although it was asked not to."
NOT_HTTP = "The tool failed: the server does not speak HTTP."
REDIRECTED = "The tool answered with a redirect, which is not followed."


def test_arguments_go_into_the_body_or_the_query(callers: Callers, receiver: Receiver) -> None:
    base = receiver.url.removesuffix("/hook")
    arguments = {"id": "7", "n": 1, "tags": ["a", "b&c"], "note": None}

    callers.call(http_tool(f"{base}/users/{{id}}"), arguments, seconds=30)
    callers.call(http_tool(f"{base}/users/{{id}}?x=1", method="GET"), arguments, seconds=30)

    posted, got = receiver.requests
    assert (posted.path, posted.body) == ("/users/7", b'{"n":1,"tags":["a","b&c"],"note":null}')
    assert posted.headers["content-type"] == "application/json"
    assert (got.path, got.body) == ("/users/7?x=1&n=1&tags=a&tags=b%26c", b"")
    assert "content-type" not in got.headers


def test_its_headers_are_sent_and_never_shown(callers: Callers, receiver: Receiver) -> None:
    tool = http_tool(receiver.url, headers={"Authorization": "Bearer secret"})

    outcome = callers.call(tool, {}, seconds=30)

    assert receiver.requests[0].headers["authorization"] == "Bearer secret"
    assert "secret" not in repr(tool) + repr(outcome)


def typed(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answers(200, b'{"a":1}', JSON), ('{"a":1}', False, 200)),
        (answers(200, b""), ("", False, 200)),
        (answers(404, b"no such user"), ("HTTP 404\nno such user", True, 404)),
        (answers(500, b""), ("HTTP 500\n", True, 500)),
        (answers(200, "grün".encode(), typed("text/plain; charset=iso-8859-1")), ("grün", False, 200)),
        (answers(200, "价格".encode("gbk"), typed("text/plain; charset=GBK")), ("价格", False, 200)),
        (answers(200, b"\xff\x00a", typed("text/plain")), ("\ufffd\ufffda", False, 200)),
        (answers(200, b"\xff", typed("text/plain; charset=zip")), ("\ufffd", False, 200)),
        (answers(200, b"%PDF", typed("application/pdf")), (f"[application/pdf, 4 bytes: {NO_TEXT}]", False, 200)),
        (answers(200, gzip.compress(b"0" * 10_000_000), {"Content-Encoding": "gzip"}), (COMPRESSED, True, None)),
        (answers(302, b"", {"Location": "http://127.0.0.2:9/"}), (REDIRECTED, True, 302)),
        (fake.says(b"hello\r\n\r\n"), (NOT_HTTP, True, None)),
        (fake.says(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n"), (NOT_HTTP, True, None)),
        (fake.closes(), ("The tool failed: the server closed the connection.", True, None)),
    ],
)
def test_a_response_becomes_what_a_model_can_read(
    callers: Callers, receiver: Receiver, behaviour: fake.Behaviour, expected: tuple[str, bool, int | None]
) -> None:
    receiver.default = behaviour

    outcome = callers.call(http_tool(receiver.url), {}, seconds=30)

    assert (outcome.text, outcome.is_error, outcome.status) == expected
    assert len(receiver.requests) == 1


def test_a_result_of_50_mb_is_cut_and_not_read(callers: Callers, receiver: Receiver) -> None:
    receiver.default = fake.floods(50)
    tracemalloc.start()

    outcome = callers.call(http_tool(receiver.url), {}, seconds=60)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome.text == "a" * 65_536 + "\n[The result is cut here: it is longer than 65536 bytes.]"
    assert (outcome.is_cut, outcome.is_error) == (True, False)
    assert peak < 5_000_000


def test_a_cut_never_splits_a_character(callers: Callers, receiver: Receiver) -> None:
    receiver.default = answers(200, "é".encode() * 100, JSON)

    outcome = callers.call(http_tool(receiver.url), {}, seconds=30, max_bytes=11)

    assert outcome.text == "é" * 5 + "\n[The result is cut here: it is longer than 11 bytes.]"


@pytest.mark.parametrize(
    "behaviour",
    [fake.stalls(), fake.answers_and_stalls(), fake.drips(0.05)],
    ids=["never answers", "never sends its body", "a byte at a time"],
)
def test_a_tool_that_takes_too_long_is_given_up(
    callers: Callers, receiver: Receiver, behaviour: fake.Behaviour
) -> None:
    receiver.default = behaviour
    began = time.monotonic()

    outcome = callers.call(http_tool(receiver.url, timeout_seconds=1.0), {}, seconds=60)

    assert (outcome.text, outcome.is_error) == ("The tool failed: the server took too long.", True)
    assert 1.0 <= outcome.seconds <= time.monotonic() - began < BROKEN_SECONDS


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://2130706434/",
        "http://0x7f.2/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://100.100.100.200/",
    ],
)
def test_no_private_address_is_reached(callers: Callers, url: str) -> None:
    outcome = callers.call(http_tool(url), {}, seconds=30)

    assert outcome.text == "The tool failed: the URL leads to an address that is not public."
    assert outcome.is_error


def test_a_name_is_judged_each_time_it_is_called(receiver: Receiver) -> None:
    changing = Resolver([OPEN], ["169.254.169.254"])
    callers = Callers(allow=ranges([OPEN]), at_once=1, lookup=changing)
    tool = http_tool(f"http://tool.example:{receiver.port}/")

    outcomes = [callers.call(tool, {}, seconds=30) for _ in range(2)]

    assert [outcome.is_error for outcome in outcomes] == [False, True]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("url", "arguments", "text"),
    [
        (
            "/users/{id}",
            {"id": "../admin"},
            "id: is needed in the path, and must not be empty or lead to another path.",
        ),
        ("/?q={q}", {"q": "x" * 3_000}, "The tool failed: the URL is longer than 2048 characters."),
        ("/", {"n": "text"}, 'The tool was not called. n: "text" is not of type "integer"'),
        ("/", {"n": "\ud800"}, "The tool was not called. The arguments hold what JSON cannot say."),
    ],
)
def test_unusable_arguments_are_never_sent(
    callers: Callers, receiver: Receiver, url: str, arguments: dict[str, object], text: str
) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tool = http_tool(receiver.url.removesuffix("/hook") + url, parameters=parameters)

    outcome = callers.call(tool, arguments, seconds=30)

    assert (outcome.text, outcome.is_error, outcome.status) == (text, True, None)
    assert receiver.requests == []
