"""Journey: what an answer says of its sources, read by real clients from a run whose row has them.

The row is given its sources by hand, and its log is deleted: so no model has to be asked with sources, and all that is
read comes from the row.
"""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
import redis
import requests
from acedatacloud._runtime.tasks import task_status
from openai import OpenAI
from openai.types.chat.chat_completion_message import Annotation, AnnotationURLCitation

from conversations.knowledge.citing import sourcing
from conversations.relay import codec
from conversations.values.context import source_records
from tests.builders.texts import sources
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients import runs, tasks
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, user
from tests.journeys.clients.tasks import LATER
from tests.journeys.rows import Rows

ANSWER = "Copper fell by nine percent in May [1]. So it is [2]."
WORDS = "Prices of copper fell by nine percent in May."
SAID = sourcing.of_answer(ANSWER, (sources.NEWS,), {"knowledge": "nothing was found"})
QUOTE: Json = {"text": WORDS, "start": 0, "end": 45, "page": None, "similarity": 100.0}
MEMBERS: Json = {
    "sources": [
        {
            "number": 1,
            "kind": "search",
            "id": "https://news.example/a",
            "title": "News “today”",
            "url": "https://news.example/a",
            "knowledge": None,
            "score": 1.5,
            "snippet": WORDS,
            "passages": [{"start": 0, "end": 45, "page": None, "score": 1.5}],
        }
    ],
    "citations": [
        {"number": 1, "start": 35, "end": 38, "is_known": True, "quote": QUOTE},
        {"number": 2, "start": 49, "end": 52, "is_known": False, "quote": None},
    ],
    "notes": {"knowledge": "nothing was found"},
}
ANNOTATION = Annotation(
    type="url_citation",
    url_citation=AnnotationURLCitation(
        start_index=35, end_index=38, title="News “today”", url="https://news.example/a"
    ),
)

Sourced = Callable[[str], None]


@pytest.fixture
def sourced(rows: Rows, valkey: redis.Redis) -> Sourced:
    """Gives an ended run its sources."""

    def give(run_id: str) -> None:
        record = orjson.dumps(source_records.dump(SAID, is_live=False)).decode()
        changed = rows.change(
            "UPDATE conversations_run SET answer = answer || %s::jsonb WHERE public_id = %s", record, run_id
        )
        assert changed == 1
        valkey.delete(codec.log_key(run_id, 1))

    return give


def asked(api: Api, upstream: FakeUpstream, **fields: Any) -> str:
    """The id of a run that has been answered."""
    upstream.script(says(ANSWER))
    response = api.ask("Copper?", id=new_id(), **fields)
    assert response.status_code == 200, response.text
    return response.headers["X-Run-Id"]


def read(api: Api, run_id: str, answer_format: str) -> requests.Response:
    url = f"{api.base_url}/api/v1/runs/{run_id}/stream?format={answer_format}"
    return requests.get(url, headers=api.headers, timeout=30, stream=True)


def test_a_run_shows_them_and_a_list_of_runs_does_not(api: Api, upstream: FakeUpstream, sourced: Sourced) -> None:
    run_id = asked(api, upstream)
    before = runs.retrieve(api, run_id)
    sourced(run_id)

    shown = runs.retrieve(api, run_id)

    assert shown == before | MEMBERS
    assert before.keys().isdisjoint(MEMBERS)
    found = requests.get(f"{api.base_url}/api/v1/runs?limit=1", headers=api.headers, timeout=30).json()
    assert found["results"] == [before]


def test_the_last_line_and_the_last_event_have_them_for_requests(
    api: Api, upstream: FakeUpstream, sourced: Sourced
) -> None:
    run_id = asked(api, upstream)
    sourced(run_id)

    lines = [orjson.loads(line) for line in read(api, run_id, "ndjson").iter_lines()]
    events = [line for line in read(api, run_id, "sse").iter_lines() if line.startswith(b"data: ")]
    whole = read(api, run_id, "json").json()

    assert {name: lines[-1][name] for name in MEMBERS} == MEMBERS
    assert lines[-1]["answer"] == ANSWER
    assert events[-1] == b"data: [DONE]"
    assert orjson.loads(events[-2].removeprefix(b"data: "))["citations"] == MEMBERS["citations"]
    assert {name: whole[name] for name in MEMBERS} == MEMBERS


@pytest.mark.parametrize("accept", ["", NDJSON, SSE])
def test_a_repeated_request_gets_the_same_bytes_each_time(
    api: Api, upstream: FakeUpstream, sourced: Sourced, accept: str
) -> None:
    upstream.script(says(ANSWER))
    body, key = {"model": MODEL, "question": "Copper?", "id": new_id()}, {"Idempotency-Key": new_id()}
    first = api.post(body, headers=key, accept=accept)
    sourced(first.headers["X-Run-Id"])

    replayed = [api.post(body, headers=key, accept=accept).content for _ in range(2)]

    assert replayed[0] == replayed[1]
    assert replayed[0] != first.content
    assert b"nothing was found" in replayed[0]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("wants_usage", [True, False])
def test_the_openai_sdk_reads_typed_annotations(
    sdk: OpenAI, upstream: FakeUpstream, sourced: Sourced, wants_usage: bool
) -> None:
    upstream.script(says(ANSWER))
    client = sdk.with_options(default_headers={"Idempotency-Key": new_id()})
    said: Any = [user("Copper?")]
    first = client.chat.completions.with_raw_response.create(model=MODEL, messages=said)
    sourced(first.headers["X-Run-Id"])

    answer = client.chat.completions.create(model=MODEL, messages=said)
    assert answer.choices[0].message.annotations == [ANNOTATION]
    assert answer.model_extra == MEMBERS

    streaming = sdk.with_options(default_headers={"Idempotency-Key": new_id()})
    options: Any = {"include_usage": wants_usage}
    upstream.script(says(ANSWER))
    opened = streaming.chat.completions.with_raw_response.create(
        model=MODEL, messages=said, stream=True, stream_options=options
    )
    list(opened.parse())
    sourced(opened.headers["X-Run-Id"])

    with streaming.chat.completions.stream(model=MODEL, messages=said, stream_options=options) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        final = stream.get_final_completion()
    assert final.choices[0].message.content == ANSWER
    assert final.choices[0].message.annotations == [ANNOTATION]
    assert [chunk.model_extra for chunk in chunks if chunk.model_extra] == [MEMBERS]
    assert all(chunk.choices for chunk in chunks if not chunk.usage)


def test_a_task_has_them_beside_its_answer(api: Api, upstream: FakeUpstream, sourced: Sourced, rows: Rows) -> None:
    upstream.script(says(ANSWER))
    accepted = api.ask("Copper?", id=new_id(), **LATER)
    rows.ended(accepted)
    sourced(accepted.headers["X-Run-Id"])

    task = tasks.ended(api, accepted.json()["task_id"])

    assert {name: task["response"][name] for name in MEMBERS} == MEMBERS
    assert task["response"]["answer"] == ANSWER
    assert task_status(task) == "succeeded"


def test_a_deleted_conversation_says_nothing_of_them(api: Api, upstream: FakeUpstream, sourced: Sourced) -> None:
    thread = new_id()
    upstream.script(says(ANSWER))
    run_id = api.ask("Copper?", id=thread).headers["X-Run-Id"]
    sourced(run_id)

    deleted = requests.delete(f"{api.base_url}/api/v1/conversations/{thread}", headers=api.headers, timeout=30)

    assert deleted.status_code in (200, 202, 204)
    assert runs.retrieve(api, run_id).keys().isdisjoint(MEMBERS)
