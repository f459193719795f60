"""Journey: an answer that cites a document of a knowledge base, live, read again, and after the document is gone."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import redis
import requests
from openai import OpenAI

from conversations.relay import codec
from tests.builders.texts.sources import RETURNS, WARRANTY
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import runs
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, user
from tests.journeys.clients.streams import attach
from tests.waiting import eventually

TEXT = f"{RETURNS}\n\n{WARRANTY}\n"
QUESTION = "How long is the warranty?"
ANSWER = "The warranty lasts two years [1], says nobody else [9]."
FORMS: dict[str, str] = {"json": "", "ndjson": NDJSON, "sse": SSE}


def post(api: Api, tail: str, body: Json) -> Json:
    response = requests.post(f"{api.base_url}/api/v1/knowledge{tail}", json=body, headers=api.headers, timeout=30)
    assert response.status_code in (201, 202), response.text
    return dict(response.json())


@pytest.fixture
def document(api: Api) -> Iterator[tuple[str, str]]:
    """The ids of a base and of its one document, which is ready."""
    base_id = post(api, "", {"name": new_id()})["id"]
    document_id = post(api, f"/{base_id}/documents", {"name": "Manual", "text": TEXT})["id"]
    place = f"{api.base_url}/api/v1/knowledge/{base_id}/documents/{document_id}"
    eventually(
        lambda: requests.get(place, headers=api.headers, timeout=30).json()["status"], lambda status: status == "ready"
    )
    yield base_id, document_id
    requests.delete(f"{api.base_url}/api/v1/knowledge/{base_id}", headers=api.headers, timeout=30)


def last(data: bytes, form: str) -> Json:
    """The object that has the sources."""
    if form == "sse":
        return dict(orjson.loads(data.split(b"\n\n")[-3].split(b"data: ")[1]))
    return dict(orjson.loads(data.rstrip().split(b"\r\n")[-1]))


@pytest.mark.parametrize("form", FORMS)
def test_the_live_answer_and_the_row_say_the_same(
    api: Api, upstream: FakeUpstream, document: tuple[str, str], valkey: redis.Redis, form: str
) -> None:
    base_id, document_id = document
    upstream.script(says(ANSWER))
    response = api.ask(QUESTION, id=new_id(), knowledge=base_id, accept=FORMS[form])
    run_id = response.headers["X-Run-Id"]

    said = last(response.content, form)

    assert [(source["number"], source["id"], source["title"]) for source in said["sources"]] == [
        (1, document_id, "Manual")
    ]
    known, unknown = said["citations"]
    assert known["quote"] | {"text": WARRANTY, "start": TEXT.index(WARRANTY)} == known["quote"]
    assert (unknown["number"], unknown["is_known"], unknown["quote"]) == (9, False, None)
    prompt = str(upstream.requests[-1])
    assert WARRANTY in prompt
    assert QUESTION in prompt
    valkey.delete(codec.log_key(run_id, 1))
    replayed = last(attach(api, run_id, format=form).content, form)
    assert [replayed[name] for name in ("sources", "citations")] == [said["sources"], said["citations"]]


def test_a_deleted_document_leaves_its_place_without_words(
    api: Api, upstream: FakeUpstream, document: tuple[str, str]
) -> None:
    base_id, document_id = document
    upstream.script(says(ANSWER))
    run_id = api.ask(QUESTION, id=new_id(), knowledge=base_id).headers["X-Run-Id"]
    before = runs.retrieve(api, run_id)

    place = f"{api.base_url}/api/v1/knowledge/{base_id}/documents/{document_id}"
    assert requests.delete(place, headers=api.headers, timeout=30).ok

    after = runs.retrieve(api, run_id)
    assert before["citations"][0]["quote"]["text"] == WARRANTY
    assert after["citations"][0]["quote"] == before["citations"][0]["quote"] | {"text": None}
    assert after["sources"][0] == before["sources"][0] | {"snippet": None}


def test_the_openai_sdk_streams_the_sources_before_the_finish(
    sdk: OpenAI, upstream: FakeUpstream, document: tuple[str, str]
) -> None:
    upstream.script(says(ANSWER))
    said: Any = [user(QUESTION)]

    chunks = list(
        sdk.chat.completions.create(model=MODEL, messages=said, stream=True, extra_body={"knowledge": document[0]})
    )

    extra = [chunk.model_extra or {} for chunk in chunks]
    assert ["sources" in found for found in extra].index(True) == len(chunks) - 2
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert extra[-2]["citations"][0]["quote"]["text"] == WARRANTY
