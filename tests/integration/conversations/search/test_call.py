"""Engines on loopback, good and bad: what is asked of them, and that nothing they send does harm."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from conversations.search import call
from conversations.search.brave import Brave
from conversations.search.engine import Engine, Query, Result, SearchFailed
from conversations.search.searxng import Searxng
from conversations.search.tavily import Tavily
from providers.errors import CallAborted
from providers.transport import http
from providers.transport.abortable import AbortHandle
from tests.fakes.receiver import Behaviour, answers, answers_and_stalls, closes, drips, floods, says, stalls
from tests.fakes.web import FakeWeb

SECONDS = 20.0
QUERY = Query("tower of Ulm", 5)


@pytest.fixture(scope="module")
def transport() -> Iterator[http.Transport]:
    with http.open_transport(max_connections=4) as opened:
        yield opened


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    with FakeWeb() as fake:
        yield fake


@pytest.fixture(params=[Searxng, lambda url: Brave("k-secret", url), lambda url: Tavily("k-secret", url)])
def engine(web: FakeWeb, request: pytest.FixtureRequest) -> Engine:
    make: Callable[[str], Engine] = request.param
    return make(web.base_url)


def search(engine: Engine, transport: http.Transport, *, seconds: float = SECONDS) -> list[Result]:
    return list(call.search(engine, QUERY, transport=transport, handle=AbortHandle(), seconds=seconds))


def failure(engine: Engine, transport: http.Transport, *, seconds: float = SECONDS) -> SearchFailed:
    with pytest.raises(SearchFailed) as caught:
        search(engine, transport, seconds=seconds)
    return caught.value


def test_every_engine_finds(engine: Engine, web: FakeWeb, transport: http.Transport) -> None:
    web.finds(("Ulm &amp; more", "https://a.example/", "the <b>tower</b>"), ("Pisa", "https://b.example/", ""))

    assert search(engine, transport) == [
        Result("Ulm & more", "https://a.example/", "the <b>tower</b>"),
        Result("Pisa", "https://b.example/", ""),
    ]
    (asked,) = web.asked
    assert asked.headers["accept-encoding"] == "gzip"
    assert "cookie" not in asked.headers


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it answers with no JSON"),
        (b"{", "it answers with no JSON"),
        (b"\x00\x01", "it answers with no JSON"),
        (b"[" * 500_000, "it answers with no JSON"),
        (b'{"results":' + b"[" * 100_000, "it answers with no JSON"),
        (b'{"x":"' + b"y" * 1_100_000 + b'"}', "its answer has more than 1000000 bytes"),
    ],
)
def test_what_is_no_json_has_failed(
    engine: Engine, web: FakeWeb, transport: http.Transport, body: bytes, reason: str
) -> None:
    web.script(answers(200, body))

    assert failure(engine, transport).reason == reason


def test_a_web_page_is_said_to_be_one(engine: Engine, web: FakeWeb, transport: http.Transport) -> None:
    web.script(answers(200, b"\n <!DOCTYPE html><html>"))

    found = failure(engine, transport).reason

    assert found.startswith("it answers with a web page: ")
    assert engine.name != "searxng" or "`json` has to be among `search.formats`" in found


@pytest.mark.parametrize(
    "body", [b'{"results":[{"url":"javascript:\\u0000","title":"\\ud800"}]}', b'{"results":[[[[]]]]}', b"5", b"null"]
)
def test_odd_json_finds_nothing(engine: Engine, web: FakeWeb, transport: http.Transport, body: bytes) -> None:
    web.script(answers(200, body))

    assert search(engine, transport) == []


def test_of_fifty_megabytes_hardly_any_are_read(engine: Engine, web: FakeWeb, transport: http.Transport) -> None:
    web.script(floods(50))

    assert failure(engine, transport).reason == "its answer has more than 1000000 bytes"


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 403, 404, 422, 429, 432, 433, 500, 503])
def test_every_other_status_has_failed(engine: Engine, web: FakeWeb, transport: http.Transport, status: int) -> None:
    web.script(answers(status, b"", {"Retry-After": "7", "Location": web.url("/search")}))

    found = failure(engine, transport)

    assert (found.status, found.retry_after, found.is_late) == (status, 7.0, False)
    assert len(web.asked) == 1


def test_the_operator_is_told_what_to_do(web: FakeWeb, transport: http.Transport) -> None:
    web.script(answers(403, b"<html>"), answers(429), answers(401), answers(432))

    engines: list[Engine] = [Searxng(web.base_url)] * 2 + [Brave("k", web.base_url), Tavily("k", web.base_url)]
    told = [failure(engine, transport).reason for engine in engines]

    assert told == [
        "its JSON is off: `json` has to be among `search.formats` in the settings.yml of SearXNG",
        "its limiter refuses us: put our address among `botdetection.ip_lists.pass_ip` in its limiter.toml",
        "BRAVE_API_KEY is not accepted",
        "the limit of your plan",
    ]


@pytest.mark.parametrize("behaviour", [closes(), says(b"SSH-2.0-OpenSSH\r\n")])
def test_what_breaks_off_has_failed(
    engine: Engine, web: FakeWeb, transport: http.Transport, behaviour: Behaviour
) -> None:
    web.script(behaviour)

    assert failure(engine, transport).status is None


@pytest.mark.parametrize("behaviour", [stalls(), answers_and_stalls(), drips(0.01)])
def test_what_is_slow_is_late(engine: Engine, web: FakeWeb, transport: http.Transport, behaviour: Behaviour) -> None:
    web.script(behaviour)

    began = time.monotonic()
    found = failure(engine, transport, seconds=0.3)

    assert found.is_late
    assert time.monotonic() - began < SECONDS


def test_what_nobody_listens_at_has_failed(transport: http.Transport) -> None:
    with FakeWeb() as gone:
        url = gone.base_url

    assert failure(Searxng(url), transport).reason == "Connection refused"


def test_it_can_be_aborted(engine: Engine, web: FakeWeb, transport: http.Transport) -> None:
    handle = AbortHandle()

    def aborts(*_: object) -> None:
        handle.abort()
        web.closed.wait(SECONDS)

    web.script(aborts)
    with pytest.raises(CallAborted):
        call.search(engine, QUERY, transport=transport, handle=handle, seconds=SECONDS)


def test_no_key_is_in_what_is_said_of_a_failure(web: FakeWeb, transport: http.Transport) -> None:
    web.script(answers(401, b'{"detail": "k-secret"}'), closes())

    for engine in (Brave("k-secret", web.base_url), Tavily("k-secret", web.base_url)):
        assert "k-secret" not in failure(engine, transport).reason


def test_several_are_asked_at_once(web: FakeWeb, transport: http.Transport) -> None:
    web.finds(("Ulm", "https://a.example/", ""))
    found: list[list[Result]] = []
    threads = [
        threading.Thread(target=lambda: found.append(search(Searxng(web.base_url), transport))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert found == [[Result("Ulm", "https://a.example/", "")]] * 4
