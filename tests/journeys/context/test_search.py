"""Journey: the web is searched for a turn, the pages are read, and the model sees them as numbered sources."""

import pytest
from openai import OpenAI

from tests.fakes.receiver import answers, floods, says
from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients.aichat import Api, new_id, user
from tests.journeys.clients.openai import Chat

QUESTION = "How high is the tower of Ulm?"
ULM = "<html><title>Ulm</title><p>Ulm has a minster.</p>\n<p>The tower of Ulm is 161 metres high.</p></html>"


def shown(upstream: FakeUpstream) -> str:
    """What the model read as the last message."""
    content = upstream.requests[-1].messages[-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_pages_are_read_and_quoted_in_the_order_of_the_engine(api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    first = web.page("/ulm", ULM)
    second = web.page("/towers", "The tower of Pisa is 57 metres high.", media_type="text/plain")
    web.finds(("Ulm Minster", first, "a <b>tower</b>"), ("Towers", second, "a list"))

    api.answer(QUESTION, search=True)

    (asked,) = web.asked
    assert (asked.method, asked.path) == ("GET", "/search")
    assert asked.fields == {"q": QUESTION, "format": "json"}
    assert sorted(web.opened) == ["/towers", "/ulm"]
    text = shown(upstream)
    assert f"[1]» Ulm Minster ({first})\n" in text
    assert "The tower of Ulm is 161 metres high." in text
    assert f"[2]» Towers ({second})\nThe tower of Pisa is 57 metres high." in text
    assert text.endswith(QUESTION)


def test_a_page_that_cannot_be_read_keeps_its_snippet(api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    """One is not there, one is no text, one is too large, and one is where nobody may look."""
    urls = [
        web.url("/nowhere"),
        web.page("/image", b"\x00\x01", media_type="image/png"),
        web.page("/large", floods(50)),
        web.base_url.replace("127.0.0.1", "[::1]") + "/private",
    ]
    web.finds(*((f"Tower {at}", url, f"The <b>tower</b> of Ulm, {at} &amp; more") for at, url in enumerate(urls)))

    api.answer(QUESTION, search=True)

    text = shown(upstream)
    for at, url in enumerate(urls):
        assert f"[{at + 1}]» Tower {at} ({url})\nThe tower of Ulm, {at} & more" in text
    assert web.opened.count("/private") == 0


@pytest.mark.parametrize(
    "behaviour",
    [answers(403, b"<!doctype html>"), answers(429), answers(200, b"<html>"), answers(500), says(b"garbage")],
)
def test_without_a_search_the_turn_is_answered_as_it_was_asked(
    api: Api, upstream: FakeUpstream, web: FakeWeb, behaviour: object
) -> None:
    web.script(behaviour)  # type: ignore[arg-type]

    api.answer(QUESTION, search=True)

    assert len(web.asked) == 1
    assert upstream.requests[-1].messages == [user(QUESTION)]


def test_v1_asks_by_web_search_options_which_no_other_vendor_sees(
    sdk: OpenAI, upstream: FakeUpstream, web: FakeWeb
) -> None:
    web.finds(*((f"Page {at}", web.page(f"/{at}", f"tower {at}"), "") for at in range(9)))

    sdk.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": QUESTION}],
        web_search_options={
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"country": "DE", "city": "Ulm"}},
        },
    )

    assert web.asked[0].fields == {"q": QUESTION, "format": "json", "language": "de-DE"}
    assert sorted(web.opened) == ["/0", "/1", "/2"]
    assert "web_search_options" not in upstream.requests[-1].body
    assert "[3]» Page 2" in shown(upstream)
    assert "[4]" not in shown(upstream)


def test_a_model_that_searches_itself_is_left_to_it(chat: Chat, api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    options: Json = {"search_context_size": "high"}

    chat.answer(QUESTION, model="gpt-4o-search-preview", web_search_options=options)
    api.answer(QUESTION, model="gpt-4o-mini-search-preview")

    assert web.asked == []
    assert [request.messages for request in upstream.requests] == [[user(QUESTION)]] * 2
    assert upstream.requests[0].body["web_search_options"] == options
    assert "web_search_options" not in upstream.requests[1].body


def test_a_turn_that_asks_for_none_searches_nothing(api: Api, chat: Chat, upstream: FakeUpstream, web: FakeWeb) -> None:
    api.answer(QUESTION, search=False)
    api.answer(QUESTION)
    chat.answer(QUESTION)

    assert web.asked == []
    assert [request.messages for request in upstream.requests] == [[user(QUESTION)]] * 3


def test_what_was_found_is_not_stored_as_a_message(api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    web.finds(("Ulm", web.page("/ulm", ULM), ""))
    conversation_id = new_id()
    api.answer(QUESTION, search=True, id=conversation_id, stateful=True)

    api.answer("And of Pisa?", id=conversation_id, stateful=True)

    assert upstream.requests[-1].messages[0] == user(QUESTION)
    assert len(web.asked) == 1
