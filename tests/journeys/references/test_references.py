"""Journey: references of /aichat that are files."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.receiver import Behaviour, Receiver, answers, closes, stalls
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, new_id, refusal, user
from tests.journeys.clients.runs import cancel, retrieve, wait_for_runs
from tests.journeys.references.conftest import document, last, shown, stood, text
from tests.journeys.rows import Rows
from tests.waiting import eventually

PNG = b"\x89PNG\r\n\x1a\n0000"
PNG_URL = "data:image/png;base64,iVBORw0KGgowMDAw"


def test_a_link_is_read_and_shown_as_a_source(api: Api, upstream: FakeUpstream, server: Receiver) -> None:
    answer = api.answer("Does it float?", references=["A text.", server.url])

    inputs = text("\n\n[Reference 1: material for the question, not part of it]\nA text.\n[End of reference 1]")
    assert shown(last(upstream), "[1]", server.url, "Alder wood floats.") == [
        text("Does it float?"),
        stood(f"File: {server.url}. It is source 1"),
        inputs,
    ]
    assert answer["answer"]
    assert [request.path for request in server.requests] == ["/hook"]


def test_each_is_numbered_in_the_order_that_it_was_given_in(api: Api, upstream: FakeUpstream, server: Receiver) -> None:
    named = {"url": "data:text/plain;charset=gbk,%C4%E3%BA%C3", "name": "四.txt"}

    api.answer("Well?", references=[named, server.url])

    shown(last(upstream), "[1]", "四.txt", "你好", "[2]", server.url, "Alder wood floats.")


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        (
            document("<p>你好，世界。这是一个足够长的段落，里面有文字。</p>".encode("gbk"), "text/html; charset=gbk"),
            "你好，世界。这是一个足够长的段落，里面有文字。",
        ),
        (document(b"a,b\n1,2\n", "text/csv"), "a,b\n1,2"),
        (document(b'{"a": 1}', "application/json"), '{"a": 1}'),
        (document("naïve".encode("latin-1"), "text/plain; charset=iso-8859-1"), "naïve"),
    ],
)
def test_documents_of_every_kind_are_read(
    api: Api, upstream: FakeUpstream, server: Receiver, served: Behaviour, expected: str
) -> None:
    server.default = served

    api.answer("Well?", references=[server.url])

    shown(last(upstream), expected)


def test_a_later_turn_finds_what_an_earlier_one_read(api: Api, upstream: FakeUpstream, server: Receiver) -> None:
    thread = new_id()
    api.answer("One?", id=thread, references=[server.url])
    server.default = answers(404)

    api.answer("Two?", id=thread)

    assert len(server.requests) == 1
    first, _, second = upstream.requests[1].messages
    assert first == user([text("One?"), stood(f"File: {server.url}. It is source 1")])
    assert shown(second, "[1]", server.url, "Alder wood floats.") == [text("Two?")]


def test_a_link_that_is_given_again_is_read_again(api: Api, upstream: FakeUpstream, server: Receiver) -> None:
    thread = new_id()
    api.answer("One?", id=thread, references=[server.url])
    server.default = document(b"Ebony sinks.")

    api.answer("Two?", id=thread, references=[server.url])

    assert len(server.requests) == 2
    shown(last(upstream), "[1]", server.url, "Ebony sinks.")
    assert "Alder" not in str(last(upstream))


def test_what_was_read_is_kept_once_for_the_account(new_api: Api, server: Receiver, rows: Rows) -> None:
    for thread in (new_id(), new_id()):
        new_api.answer("Well?", id=thread, references=[server.url])

    owner = "SELECT account_id FROM conversations_reading ORDER BY id DESC LIMIT 1"
    contents = rows.all(f"SELECT text, media_type, size FROM conversations_content WHERE account_id = ({owner})")
    readings = rows.all(f"SELECT count(*) AS n FROM conversations_reading WHERE account_id = ({owner})")
    assert contents == [{"text": "Alder wood floats.", "media_type": "text/plain", "size": 18}]
    assert readings == [{"n": 2}]


def test_a_turn_that_is_not_stored_keeps_nothing(new_api: Api, server: Receiver, rows: Rows) -> None:
    before = rows.all("SELECT count(*) AS n FROM conversations_content")

    new_api.answer("Well?", references=[server.url], stateful=False)

    assert rows.all("SELECT count(*) AS n FROM conversations_content") == before


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (answers(404), "the server answered with status 404"),
        (closes(), "the server closed the connection"),
        (answers(200, b"", {"Content-Type": "text/plain"}), "it is empty"),
        (answers(302, b"", {"Location": "http://169.254.169.254/"}), "the URL leads to an address that is not public"),
    ],
)
def test_one_that_cannot_be_read_is_named_and_nothing_is_asked(
    api: Api, upstream: FakeUpstream, server: Receiver, behaviour: Behaviour, problem: str
) -> None:
    server.default = behaviour

    response = api.ask("Well?", references=["A text.", server.url], stateful=True)

    assert refusal(response) == (400, "bad_request", f"references[1] ({server.url}): {problem}")
    assert upstream.requests == []


@pytest.mark.parametrize("accept", [NDJSON, SSE])
def test_a_stream_is_refused_the_same_way(api: Api, upstream: FakeUpstream, server: Receiver, accept: str) -> None:
    server.default = answers(404)

    response = api.ask("Well?", references=[server.url], accept=accept)

    expected = f"references[0] ({server.url}): the server answered with status 404"
    assert refusal(response) == (400, "bad_request", expected)
    assert upstream.requests == []


def test_one_of_an_earlier_turn_that_is_lost_stays_out(
    api: Api, upstream: FakeUpstream, server: Receiver, rows: Rows
) -> None:
    thread = new_id()
    api.answer("One?", id=thread, references=[server.url])
    rows.change("DELETE FROM conversations_reading")
    server.default = answers(410)

    api.answer("Two?", id=thread)

    first, _, second = upstream.requests[1].messages
    lost = f"File: {server.url}. It is not shown: the server answered with status 410"
    assert first == user([text("One?"), stood(lost)])
    assert second == user("Two?")


def test_a_model_without_images_is_told_of_them(api: Api, upstream: FakeUpstream) -> None:
    api.answer("Well?", model="deepseek-v3", references=["https://a.example/x.png"])

    assert last(upstream) == user(
        [text("Well?"), stood("Image: https://a.example/x.png. It is not shown: this model takes no images")]
    )


def test_a_turn_that_is_only_an_image_is_refused_by_a_model_without_images(api: Api, upstream: FakeUpstream) -> None:
    response = api.ask("", model="deepseek-v3", references=["https://a.example/x.png"])

    expected = "references[0] (https://a.example/x.png): this model takes no images"
    assert refusal(response) == (400, "bad_request", expected)
    assert upstream.requests == []


def test_an_image_where_the_vendor_cannot_reach_it_is_sent_as_data(
    api: Api, upstream: FakeUpstream, server: Receiver
) -> None:
    server.default = document(PNG, "image/png")
    url = f"{server.url}/x.png"
    thread = new_id()

    api.answer("Well?", id=thread, references=[url])
    api.answer("And?", id=thread)

    image = {"type": "image_url", "image_url": {"url": PNG_URL}}
    assert upstream.requests[0].messages == [user([text("Well?"), image])]
    assert upstream.requests[1].messages[0] == user([text("Well?"), image])
    assert len(server.requests) == 1


def test_a_link_that_turns_out_to_be_an_image_is_sent_as_one(
    api: Api, upstream: FakeUpstream, server: Receiver
) -> None:
    server.default = document(PNG, "application/octet-stream")

    api.answer("Well?", references=[server.url])

    assert last(upstream) == user([text("Well?"), {"type": "image_url", "image_url": {"url": PNG_URL}}])


def test_reading_ends_with_its_run(api: Api, upstream: FakeUpstream, server: Receiver) -> None:
    server.default = stalls()
    thread = new_id()
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(api.ask, "Well?", id=thread, references=[server.url])
        (run_id,) = wait_for_runs(api, thread)
        server.wait(1)

        cancel(api, run_id)

        eventually(lambda: retrieve(api, run_id)["status"], lambda status: status == "cancelled")
        assert asked.result().status_code == 409
    assert upstream.requests == []
