"""Journey: file parts of /v1, by OpenAI's own SDK."""

import base64
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.fakes.receiver import Receiver, answers
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import new_id, user
from tests.journeys.references.conftest import document, last, shown, stood, text

MODEL, TEXT_ONLY = "gpt-4o-mini", "deepseek-v3"


def pdf(*lines: str) -> bytes:
    """A page for each line."""
    kids = " ".join(f"{4 + 2 * page} 0 R" for page in range(len(lines)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(lines)}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for page, line in enumerate(lines):
        resources = "/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{resources}/Contents {5 + 2 * page} 0 R>>")
        shown = f"BT /F1 12 Tf 50 800 Td ({line}) Tj ET"
        objects.append(f"<</Length {len(shown)}>>\nstream\n{shown}\nendstream")
    out, offsets = "%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    start = len(out)
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF"
    return out.encode()


def file(**fields: str) -> Any:
    return {"type": "file", "file": fields}


def ask(sdk: OpenAI, *parts: Any, model: str = MODEL, **more: Any) -> Any:
    return sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": [*parts]}], **more)


DATA = base64.b64encode(pdf("Alder floats.", "Ebony sinks.")).decode()


@pytest.mark.parametrize("data", [f"data:application/pdf;base64,{DATA}", DATA], ids=["data URL", "bare"])
def test_a_pdf_is_read_with_its_pages_for_a_model_that_takes_none(
    sdk: OpenAI, upstream: FakeUpstream, data: str
) -> None:
    ask(sdk, text("What floats?"), file(filename="wood.pdf", file_data=data), model=TEXT_ONLY)

    rest = shown(last(upstream), "[1]", "wood.pdf", "page 1", "Alder floats.", "page 2", "Ebony sinks.")
    assert rest == [text("What floats?"), stood("File: wood.pdf. It is source 1")]


@pytest.mark.parametrize("data", [f"data:application/pdf;base64,{DATA}", DATA], ids=["data URL", "bare"])
def test_a_pdf_goes_to_a_model_that_takes_it_as_it_is(sdk: OpenAI, upstream: FakeUpstream, data: str) -> None:
    given = file(filename="wood.pdf", file_data=data)

    ask(sdk, text("What floats?"), given)

    assert last(upstream) == user([text("What floats?"), given])


def test_other_data_and_links_are_read_for_every_model(sdk: OpenAI, upstream: FakeUpstream, server: Receiver) -> None:
    server.default = document(pdf("By link."), "application/pdf")

    ask(sdk, text("Well?"), file(filename="a.txt", file_data="data:text/plain;base64,QnkgZGF0YS4="),
        file(file_url=server.url))  # fmt: skip

    shown(last(upstream), "[1]", "a.txt", "By data.", "[2]", server.url, "page 1", "By link.")


def test_one_that_cannot_be_read_is_named_by_its_place(sdk: OpenAI, upstream: FakeUpstream, server: Receiver) -> None:
    server.default = answers(503)
    earlier: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                    {"role": "assistant", "content": "Hi."}]  # fmt: skip
    asked: Any = {"role": "user", "content": [text("Well?"), file(file_url=server.url)]}

    with pytest.raises(BadRequestError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=[*earlier, asked])

    place = "messages[3].content[1].file"
    assert refused.value.param == place
    assert f"{place} ({server.url}): the server answered with status 503" in refused.value.message
    assert upstream.requests == []


def test_its_place_counts_what_the_conversation_has_already(
    sdk: OpenAI, upstream: FakeUpstream, server: Receiver
) -> None:
    header = {"X-Conversation-Id": new_id()}
    said: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    first = sdk.chat.completions.create(model=MODEL, messages=said, extra_headers=header)
    said += [{"role": "assistant", "content": first.choices[0].message.content}]
    said += [{"role": "user", "content": [text("Well?"), file(file_url=server.url)]}]
    server.default = answers(503)

    with pytest.raises(BadRequestError) as refused:
        sdk.chat.completions.create(model=MODEL, messages=said, extra_headers=header)

    assert refused.value.param == "messages[3].content[1].file"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("data:text/plain;base64,****", "its data is not base64"),
        ("data:text/plain", "it is not a complete data URL"),
        ("data:application/pdf;base64,JVBERi0xLjc=", ""),
    ],
)
def test_data_that_cannot_be_read_is_named(sdk: OpenAI, upstream: FakeUpstream, data: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=r"messages\[0\]\.content\[1\]\.file \(a\.x\): " + problem):
        ask(sdk, text("Well?"), file(filename="a.x", file_data=data), model=TEXT_ONLY)

    assert upstream.requests == []


def test_a_file_in_an_earlier_message_of_the_same_request_may_be_lost(
    sdk: OpenAI, upstream: FakeUpstream, server: Receiver
) -> None:
    server.default = answers(503)
    said: Any = [
        {"role": "user", "content": [text("One?"), file(file_url=server.url)]},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "Two?"},
    ]

    sdk.chat.completions.create(model=MODEL, messages=said)

    first, _, second = upstream.requests[0].messages
    assert first["content"][1] == stood(f"File: {server.url}. It is not shown: the server answered with status 503")
    assert second == user("Two?")


def test_a_stream_shows_the_same(sdk: OpenAI, upstream: FakeUpstream, server: Receiver) -> None:
    stream = ask(sdk, text("Well?"), file(file_url=server.url), stream=True)

    assert "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices)
    shown(last(upstream), "[1]", server.url, "Alder wood floats.")
