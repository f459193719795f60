"""What a search of the web brings to a turn, and that it never keeps one from being answered."""

import socket
import threading
import time

import pytest
from pytest_django import Settings

from conversations.rules.runs.run_states import AttemptOutcome
from conversations.values.context.sources import Gathered, Passage, SourceKind
from conversations.workers.runs.context.pages import PASSAGES_SHOWN
from conversations.workers.runs.process import RunHandle, WorkerProcess
from providers.errors import CallAborted
from providers.messages import Message, Role, TextPart
from tests.fakes.receiver import Behaviour, answers, drips, stalls
from tests.fakes.web import FakeWeb
from tests.integration.conversations.workers.runs.context.conftest import Gathers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

QUESTION = "How high is the tower of Ulm?"
PATIENCE_SECONDS = 30.0
# A paragraph is a passage of its own.
FILLER = ("Nothing is said of it here. " * 30).strip()


def found(gathered: Gathered | None) -> Gathered:
    assert gathered is not None
    assert gathered.has_searched
    return gathered


def test_the_best_passages_of_a_page_are_shown_in_the_order_of_its_text(gathers: Gathers, web: FakeWeb) -> None:
    paragraphs = [f"{at}. {FILLER}" for at in range(20)]
    paragraphs[3], paragraphs[17] = f"The tower of Ulm. {FILLER}", f"How high is the tower of Ulm? 161 m. {FILLER}"
    whole = "\n\n".join(paragraphs)
    url = web.page("/ulm", whole, media_type="text/plain; charset=utf-8")
    web.finds(("Ulm <i>Minster</i>", url, "the <strong>tower</strong>"))

    (source,) = found(gathers(QUESTION, search=True)).sources

    assert (source.kind, source.title, source.url, source.base) == (SourceKind.SEARCH, "Ulm Minster", url, "")
    assert source.snippet == "the <b>tower</b>"
    assert len(source.id) == 64
    texts = [passage.text for passage in source.passages]
    assert len(texts) <= PASSAGES_SHOWN
    assert [text for text in texts if "tower" in text] == [paragraphs[3], paragraphs[17]]
    assert [passage.start for passage in source.passages] == sorted(passage.start for passage in source.passages)
    assert all(whole[passage.start : passage.end] == passage.text for passage in source.passages)


def test_a_page_that_says_nothing_of_the_question_has_its_snippet(gathers: Gathers, web: FakeWeb) -> None:
    web.finds(("A", web.page("/a", "cookies!", media_type="text/plain"), "The <b>tower</b>"), ("B", web.url("/b"), ""))

    gathered = found(gathers(QUESTION, search=True))

    assert [source.title for source in gathered.sources] == ["A"]
    (passage,) = gathered.sources[0].passages
    assert (passage.text, passage.start, passage.end) == ("The tower", 0, 9)
    assert gathered.notes == {}


@pytest.mark.parametrize(("size", "pages"), [("low", 3), ("medium", 5), ("high", 10)])
def test_the_size_says_how_many_pages_are_read(gathers: Gathers, web: FakeWeb, size: str, pages: int) -> None:
    web.finds(*((f"{at}", web.page(f"/{at}", "tower", media_type="text/plain"), "") for at in range(15)))

    gathered = found(gathers(QUESTION, search=True, search_size=size))

    assert [source.title for source in gathered.sources] == [str(at) for at in range(pages)]
    assert len(web.opened) == pages


def test_where_no_engine_is_configured_search_is_off(gathers: Gathers, settings: Settings) -> None:
    settings.SEARCH_SETTINGS = {}

    assert gathers(QUESTION, search=True) == Gathered(notes={"search": "off"}, has_searched=True)


def test_nothing_found_is_empty(gathers: Gathers, web: FakeWeb) -> None:
    assert gathers(QUESTION, search=True) == Gathered(notes={"search": "empty"}, has_searched=True)


@pytest.mark.parametrize("behaviour", [answers(403), answers(200, b"<html>"), answers(500)])
def test_a_refusal_is_a_failure(gathers: Gathers, web: FakeWeb, behaviour: Behaviour) -> None:
    web.script(behaviour)

    assert gathers(QUESTION, search=True) == Gathered(notes={"search": "failed"}, has_searched=True)


@pytest.mark.parametrize("behaviour", [stalls(), drips(0.01)])
@pytest.mark.parametrize("bounds", [(0.3, 20.0), (20.0, 0.3)])
def test_a_slow_engine_is_given_up(
    gathers: Gathers, process: WorkerProcess, web: FakeWeb, behaviour: Behaviour, bounds: tuple[float, float]
) -> None:
    process.searcher.seconds, process.searcher.engine_seconds = bounds
    web.script(behaviour)

    assert gathers(QUESTION, search=True) == Gathered(notes={"search": "timeout"}, has_searched=True)


def test_a_slow_page_keeps_its_snippet_beside_those_that_were_read(
    gathers: Gathers, process: WorkerProcess, web: FakeWeb
) -> None:
    process.searcher.seconds = 3.0
    fast = web.page("/fast", "The tower is 161 m.", media_type="text/plain")
    web.finds(("Slow", web.page("/slow", drips(0.01)), "A tower"), ("Fast", fast, ""))

    gathered = found(gathers(QUESTION, search=True))

    assert [source.passages[0].text for source in gathered.sources] == ["A tower", "The tower is 161 m."]
    assert gathered.notes == {}


def test_an_engine_that_asks_for_rest_has_it(gathers: Gathers, process: WorkerProcess, web: FakeWeb) -> None:
    web.script(answers(429, b"", {"Retry-After": "3600"}))

    notes = [found(gathers(QUESTION, search=True)).notes for _ in range(3)]

    assert notes == [{"search": "failed"}] * 3
    assert len(web.asked) == 1
    process.searcher.rest(0.0)
    assert found(gathers(QUESTION, search=True)).notes == {"search": "empty"}


@pytest.mark.parametrize("is_page", [False, True])
def test_a_stopped_run_waits_for_neither_engine_nor_page(gathers: Gathers, web: FakeWeb, is_page: bool) -> None:
    handle = RunHandle(run_id=1, deadline=float("inf"))
    released = threading.Event()

    def aborts(peer: socket.socket, closed: threading.Event) -> None:
        handle.abort(AttemptOutcome.CANCELLED)
        # The engine's connection is closed at once.
        peer.settimeout(PATIENCE_SECONDS)
        if not is_page and peer.recv(1) == b"":
            released.set()
        closed.wait(PATIENCE_SECONDS)

    if is_page:
        web.finds(("Slow", web.page("/slow", aborts), ""))
    else:
        web.script(aborts)
    began = time.monotonic()
    with pytest.raises(CallAborted):
        gathers(QUESTION, search=True, handle=handle)

    assert time.monotonic() - began < PATIENCE_SECONDS
    assert is_page or released.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(("searches", "is_ours"), [((True,), False), ((True, False), True), ((False, False), True)])
def test_a_model_that_searches_itself_is_left_to_it(
    gathers: Gathers, web: FakeWeb, searches: tuple[bool, ...], is_ours: bool
) -> None:
    gathered = gathers(QUESTION, search=True, searches=searches)

    assert (gathered is not None and gathered.has_searched) is is_ours
    assert len(web.asked) == is_ours


def test_a_turn_that_says_nothing_new_searches_nothing(gathers: Gathers, web: FakeWeb) -> None:
    result = Message(Role.ASSISTANT, (TextPart("and then"),))

    assert gathers(result, search=True) == Gathered(has_searched=True)
    assert web.asked == []


def test_a_turn_that_asks_for_nothing_gathers_nothing(gathers: Gathers, web: FakeWeb) -> None:
    assert gathers(QUESTION) is None
    assert web.asked == []


def test_a_snippet_alone_is_a_passage(gathers: Gathers, web: FakeWeb) -> None:
    web.finds(("A", web.url("/nowhere"), "tower &lt; <b>Ulm</b>"))

    (source,) = found(gathers(QUESTION, search=True)).sources

    assert source.passages == (Passage("tower < Ulm", 0, 11, None, source.passages[0].score),)
