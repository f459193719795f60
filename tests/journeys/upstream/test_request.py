"""Journey: exactly what reaches the vendor, and nothing that the caller did not send."""

import pytest

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import NDJSON, SSE, Api, new_id, refusal, user
from tests.journeys.conftest import VENDOR_KEY

STREAMING = {"stream": True, "stream_options": {"include_usage": True}}
PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_question_goes_out_as_a_plain_string_with_nothing_added(
    api: Api, upstream: FakeUpstream, accept: str
) -> None:
    api.ask("What is 2+2?\n你好 🙂", accept=accept, stateful=True, unknown_field=[1]).close()

    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.body == {"model": "gpt-4o-mini", "messages": [user("What is 2+2?\n你好 🙂")], **STREAMING}
    assert request.headers["authorization"] == f"Bearer {VENDOR_KEY}"
    assert api.key not in str(request.headers)


def test_the_question_is_sent_unchanged(api: Api, upstream: FakeUpstream) -> None:
    question = ' \t"quoted" \\ back\\slash </script> \u2028 \u0085 \ufeff e\u0301 \U0001f469\u200d\U0001f680 \r\n '

    api.answer(question)

    assert upstream.requests[0].messages == [user(question)]


@pytest.mark.parametrize(
    ("name", "model", "options"),
    [
        ("gpt-4o", "gpt-4o", {}),
        ("gpt-5.1-all", "gpt-5.1", {}),
        ("gpt-4o-image", "gpt-4o", {}),
        ("o1-pro-all", "o1-pro", {}),
        ("o3-mini-high", "o3-mini", {"reasoning_effort": "high"}),
        ("o3-mini-high-all", "o3-mini", {"reasoning_effort": "high"}),
        ("o3-mini-2025-01-31-low", "o3-mini-2025-01-31", {"reasoning_effort": "low"}),
        ("o4-mini-high-all", "o4-mini", {"reasoning_effort": "high"}),
        ("deepseek-v3-250324", "deepseek-chat", {}),
        ("deepseek-r1", "deepseek-reasoner", {}),
    ],
)
def test_a_public_name_becomes_the_vendors_own(
    api: Api, upstream: FakeUpstream, name: str, model: str, options: Json
) -> None:
    api.answer("Hello", model=name)

    assert upstream.requests[0].body == {"model": model, "messages": [user("Hello")], **options, **STREAMING}


def link(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


def text(said: str) -> Json:
    return {"type": "text", "text": said}


def inputs(number: int, said: str) -> Json:
    mark = f"[Reference {number}: material for the question, not part of it]"
    return text(f"\n\n{mark}\n{said}\n[End of reference {number}]")


@pytest.mark.parametrize(
    ("references", "parts"),
    [
        (["https://a.example/x.jpg"], [link("https://a.example/x.jpg")]),
        (["http://a.example/X.HEIF?w=1#top"], [link("http://a.example/X.HEIF?w=1#top")]),
        ([PNG], [link(PNG)]),
        (["Water boils at 100 °C."], [inputs(1, "Water boils at 100 °C.")]),
        (["One", "https://a.example/x.webp", "Three"],
         [link("https://a.example/x.webp"), inputs(1, "One"), inputs(3, "Three")]),
        ([], None),
    ],
)  # fmt: skip
def test_references_become_parts_after_the_question(
    api: Api, upstream: FakeUpstream, references: list[str], parts: list[Json] | None
) -> None:
    api.answer("Well?", references=references)

    (message,) = upstream.requests[0].messages
    assert message == user("Well?" if parts is None else [text("Well?"), *parts])


@pytest.mark.parametrize("url", ["https://a.example/x.pdf?as=x.png", "https://a.example/"])
def test_a_link_that_is_no_image_is_not_left_to_the_vendor(api: Api, upstream: FakeUpstream, url: str) -> None:
    response = api.ask("Well?", references=[url])

    # No such host: what is read of one that there is, tests/journeys/references/ shows.
    assert refusal(response) == (400, "bad_request", f"references[0] ({url}): the URL's host cannot be found")
    assert upstream.requests == []


def test_references_stay_in_the_history(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()

    api.answer("Well?", id=thread, references=["https://a.example/x.jpg"])
    api.answer("And?", id=thread)

    assert upstream.requests[1].messages[0] == user([text("Well?"), link("https://a.example/x.jpg")])
    assert upstream.requests[1].messages[2] == user("And?")


def test_null_means_that_an_optional_field_was_left_out(api: Api, upstream: FakeUpstream) -> None:
    nothing = dict.fromkeys(["id", "stateful", "preset", "references", "callback_url", "async", "action"])

    answer = api.answer("Hello", **nothing)

    assert answer["answer"] == "1 messages; the last user message: Hello"
    assert upstream.requests[0].body == {"model": "gpt-4o-mini", "messages": [user("Hello")], **STREAMING}
