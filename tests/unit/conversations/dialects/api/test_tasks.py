import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from acedatacloud._runtime.tasks import task_status

from conversations.dialects.api import sources as members
from conversations.dialects.api import tasks
from conversations.errors import UpstreamFailed
from conversations.values.requests import Operation
from conversations.values.runs import RunStatus
from conversations.values.tasks import TaskState
from providers.messages import Usage
from tests.builders.texts import sources

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXT = TaskState(
    task_id="task",
    run_id="run_1",
    trace_id="trace",
    conversation_id="thread",
    is_stored=True,
    model="echo",
    status=RunStatus.COMPLETED,
    operation=Operation.CHAT,
    text="Hello!",
    usage=Usage(1, 2),
    error=None,
    created_at=BEGAN,
    started_at=BEGAN,
    finished_at=BEGAN.replace(second=2),
)
OUTCOME = {
    "success": True,
    "task_id": "task",
    "trace_id": "trace",
    "id": "thread",
    "conversation_id": "thread",
    "answer": "Hello!",
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    "error": None,
}


def documented(answer: Any) -> TaskState:
    return replace(TEXT, has_document=True, document=json.dumps(answer, separators=(",", ":")).encode())


def polled(state: TaskState) -> Any:
    return json.loads(orjson.dumps(tasks.polled(state)))


def test_a_family_whose_answer_is_its_text_has_no_document_beside_it() -> None:
    assert json.loads(tasks.callback(TEXT)) == {"status": "succeeded", **OUTCOME}
    assert polled(TEXT)["response"] == OUTCOME


def test_a_document_stands_beside_the_text() -> None:
    answer = {"object": "chat.completion", "choices": [{"index": 0}, {"index": 1}]}

    assert json.loads(tasks.callback(documented(answer))) == {"status": "succeeded", **OUTCOME, "response": answer}
    assert polled(documented(answer))["response"] == {**OUTCOME, "response": answer}


@pytest.mark.parametrize("word", ["completed", "in_progress", "failed"])
@pytest.mark.parametrize("name", ["status", "state"])
def test_words_that_the_sdk_would_judge_are_left_out_where_it_polls(name: str, word: str) -> None:
    """Elsewhere they stay; numbers by that name, and the word inside a text, are no words to it."""
    kept = {"text": f'{{"{name}":"failed"}}', "of": [{name: 7}]}
    answer = {"choices": [{"message": {"annotations": [{"type": "search", name: word}], **kept}}]}

    assert json.loads(tasks.callback(documented(answer)))["response"] == answer
    assert polled(documented(answer))["response"]["response"] == {
        "choices": [{"message": {"annotations": [{"type": "search"}], **kept}}]
    }
    assert task_status(polled(documented(answer))) == "succeeded"


def test_a_failed_task_has_no_document() -> None:
    failed = replace(
        documented({}), status=RunStatus.FAILED, document=None, usage=None, error=UpstreamFailed("It broke.")
    )
    outcome = {
        **OUTCOME,
        "success": False,
        "answer": "",
        "usage": None,
        "error": {"code": "chat_error", "message": "It broke."},
        "response": None,
    }

    assert json.loads(tasks.callback(failed)) == {"status": "failed", **outcome}
    assert polled(failed)["response"] == outcome
    assert task_status(polled(failed)) == "failed"


def test_a_task_that_is_not_over_has_no_response() -> None:
    waiting = replace(TEXT, status=RunStatus.QUEUED, operation=Operation.EMBEDDING, has_document=True, finished_at=None)

    assert (polled(waiting)["status"], polled(waiting)["type"], polled(waiting)["response"]) == (
        "queued",
        "embedding",
        None,
    )
    assert task_status(polled(waiting)) == ""


def test_an_answer_with_sources_says_them_beside_it_and_the_sdk_reads_success() -> None:
    said = replace(TEXT, sourced=sources.sourced(notes={"search": "off"}))

    found = polled(said)

    assert found["response"] == OUTCOME | members.members(said.sourced)
    assert json.loads(tasks.callback(said)) == {"status": "succeeded"} | found["response"]
    assert task_status(found) == "succeeded"


def test_a_failed_task_says_nothing_of_them() -> None:
    failed = replace(TEXT, sourced=sources.sourced(), error=UpstreamFailed("It broke."), status=RunStatus.FAILED)

    assert polled(failed)["response"].keys() == OUTCOME.keys()
    assert task_status(polled(failed)) == "failed"
