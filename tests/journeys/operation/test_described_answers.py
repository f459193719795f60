"""Journey: whatever becomes of a turn, its answer has the members that the OpenAPI document names, and no other."""

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys import described
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import aichat, openai, tasks, tools, yuju
from tests.journeys.clients.aichat import MODEL, NDJSON, SSE, Api, new_id, user

Ask = Callable[[Api, Mapping[str, Any], Mapping[str, str]], requests.Response]


def asked(path: str, body: Mapping[str, Any], *, accept: str = "") -> tuple[str, Ask]:
    """A route, and what asks it one question with more members and headers."""

    def ask(api: Api, more: Mapping[str, Any], headers: Mapping[str, str]) -> requests.Response:
        sent = {**api.headers, **({"Accept": accept} if accept else {}), **headers}
        return requests.post(api.base_url + path, json={**body, **more}, headers=sent, timeout=60)

    return path, ask


QUESTION = {"model": MODEL, "question": "Hi"}
MESSAGES = {"model": MODEL, "messages": [user("Hi")]}
STREAM, USAGE = {"stream": True}, {"stream_options": {"include_usage": True}}
PROMPT = {"model": "gpt-4o-mini", "prompt": "Hi"}
TURNS = {
    "aichat": asked(aichat.PATH, QUESTION),
    "aichat, lines": asked(aichat.PATH, QUESTION, accept=NDJSON),
    "aichat, events": asked(aichat.PATH, QUESTION, accept=SSE),
    "chat": asked(openai.ROUTE, MESSAGES),
    "chat, events": asked(openai.ROUTE, {**MESSAGES, **STREAM, **USAGE}),
    "yuju": asked(yuju.PATH, {"content": "Hi", "chatMode": MODEL}),
    "yuju, events": asked(yuju.PATH, {"content": "Hi", "chatMode": MODEL, **STREAM}),
}
COMPLETIONS = {
    "completion": asked("/v1/completions", PROMPT),
    "completion, events": asked("/v1/completions", {**PROMPT, **STREAM, **USAGE}),
}
BEYOND = pytest.mark.parametrize(("path", "ask"), [*TURNS.values(), *COMPLETIONS.values()], ids=[*TURNS, *COMPLETIONS])
EVERY_TURN = pytest.mark.parametrize(("path", "ask"), TURNS.values(), ids=TURNS)


@EVERY_TURN
def test_one_with_thoughts(api: Api, upstream: FakeUpstream, path: str, ask: Ask) -> None:
    upstream.script(says("Hel", "lo", reasoning=["Well."], usage=tools.USAGE).apart())

    described.check(ask(api, {}, {}), path)


@EVERY_TURN
def test_one_that_fails(api: Api, upstream: FakeUpstream, path: str, ask: Ask) -> None:
    """In one piece an error, in a stream the text so far and an error."""
    upstream.script(*[says("Hel", "lo").apart().cut_after(2)] * 3)

    described.check(ask(api, {}, {}), path)


@EVERY_TURN
def test_one_with_sources(api: Api, upstream: FakeUpstream, web: FakeWeb, path: str, ask: Ask) -> None:
    web.finds(("Ulm", web.page("/ulm", "The minster is 161 metres high."), "A city."))
    upstream.script(says("161 metres [1]."))

    response = ask(api, {"web_search_options": {}} if path == openai.ROUTE else {"search": True}, {})

    assert '"sources"' in response.text
    described.check(response, path)


@EVERY_TURN
def test_one_that_waits_for_an_approval(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver, path: str, ask: Ask
) -> None:
    tool = tools.make(new_api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {}), text="May I?"))
    if path == yuju.PATH:
        made = assistants.make(new_api, model=MODEL, kind="tool", tools=[tool["id"]])
        more: dict[str, Any] = {"ibotID": made["id"], "visitorId": new_id()}
    else:
        more = {"tools": [tool["id"]], "id": new_id()} if path == aichat.PATH else {"tool_ids": [tool["id"]]}

    response = ask(new_api, more, {"X-Conversation-Id": new_id()} if path == openai.ROUTE else {})

    assert "requires_action" in response.text
    described.check(response, path)


@BEYOND
def test_a_dry_run(api: Api, path: str, ask: Ask) -> None:
    described.check(ask(api, {"stream": False}, {"X-Dry-Run": "true", "Accept": "application/json"}), path)


@BEYOND
def test_a_task(api: Api, upstream: FakeUpstream, path: str, ask: Ask) -> None:
    response = ask(api, {**tasks.LATER, "stream": False}, {"Accept": "application/json"})
    described.check(response, path)

    task = tasks.ended(api, response.json()["task_id"])
    described.validator_of("/aichat/tasks", "200", "application/json").validate(task)


def test_a_member_that_nothing_describes_is_noticed() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        described.validator_of(aichat.PATH, "200", "application/json").validate({"id": "", "answer": "", "new": 1})
