"""Journey: intents are made, changed and deleted over the API, whatever is sent."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.fakes.receiver import Receiver
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.assistants import client as assistants
from tests.journeys.assistants.client import refused
from tests.journeys.clients import runs, tools
from tests.journeys.clients.aichat import MODEL, Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.waiting import eventually

GIVEN: Json = {"name": "下单", "description": "想买东西", "examples": ["我要下单", "I want to order"]}


def test_one_is_made_shown_changed_and_deleted(new_api: Api) -> None:
    made = call(new_api, "POST", "intents", status=201, json=GIVEN)

    assert made["id"].startswith("intent_")
    shown = {**GIVEN, "id": made["id"], "object": "intent"}
    assert made == {**shown, "created_at": made["created_at"], "changed_at": made["changed_at"]}
    assert call(new_api, "GET", f"intents/{made['id']}") == made
    assert call(new_api, "GET", "intents") == {"results": [made], "next": None}
    changed = call(new_api, "PATCH", f"intents/{made['id']}", json={"name": "退款", "examples": None})
    assert changed == {**made, "name": "退款", "changed_at": changed["changed_at"]}
    assert changed["changed_at"] > made["changed_at"]
    assert call(new_api, "PATCH", f"intents/{made['id']}", json={"examples": []})["examples"] == []
    gone = {"id": made["id"], "object": "intent", "deleted": True}
    assert call(new_api, "DELETE", f"intents/{made['id']}") == gone
    assert call(new_api, "GET", f"intents/{made['id']}", status=404)["error"]["code"] == "not_found"
    assert call(new_api, "DELETE", f"intents/{made['id']}", status=404)["error"]["code"] == "not_found"
    assert call(new_api, "GET", "intents") == {"results": [], "next": None}


def test_a_name_is_enough(new_api: Api) -> None:
    made = call(new_api, "POST", "intents", status=201, json={"name": " order\n "})

    assert (made["name"], made["description"], made["examples"]) == ("order", "", [])


def test_examples_are_kept_once_and_without_empty_ones(new_api: Api) -> None:
    given = {"name": "order", "examples": [" a ", "a", "", "b\n", "  "]}

    assert call(new_api, "POST", "intents", status=201, json=given)["examples"] == ["a", "b"]


def test_a_list_is_read_in_pages_the_newest_first(new_api: Api) -> None:
    ids = [call(new_api, "POST", "intents", status=201, json={"name": f"{n}"})["id"] for n in range(3)]

    first = call(new_api, "GET", "intents", params={"limit": "2"})
    rest = requests.get(first["next"], headers=new_api.headers, timeout=30).json()

    assert [one["id"] for one in (*first["results"], *rest["results"])] == ids[::-1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name must have from 1 to 100 characters"),
        ({"name": " \t"}, "name must have from 1 to 100 characters"),
        ({"name": "n" * 101}, "name must have from 1 to 100 characters"),
        ({"name": "a\u0000b"}, "NUL"),
        ({"name": ["n"]}, "name"),
        ({"name": 5}, "name"),
        ({"name": "n", "description": "d" * 1_001}, "description"),
        ({"name": "n", "description": "\u0000"}, "NUL"),
        ({"name": "n", "description": {}}, "description"),
        ({"name": "n", "examples": "e"}, "examples"),
        ({"name": "n", "examples": {"0": "e"}}, "examples"),
        ({"name": "n", "examples": [1]}, "examples"),
        ({"name": "n", "examples": [None]}, "examples"),
        ({"name": "n", "examples": [["e"]]}, "examples"),
        ({"name": "n", "examples": ["e"] * 51}, "examples"),
        ({"name": "n", "examples": ["e" * 301]}, "examples"),
        ({"name": "n", "examples": ["\u0000"]}, "NUL"),
        ([], "object"),
        ("n", "object"),
    ],
)
def test_what_cannot_be_one_is_refused(api: Api, rows: Rows, body: Any, words: str) -> None:
    before = rows.counts()

    status, message = refused(api, "POST", "intents", body)

    assert status == 400
    assert words in message
    assert rows.counts() == before


def test_a_lone_surrogate_is_refused(api: Api) -> None:
    response = requests.post(
        f"{api.base_url}/api/v1/intents", data=b'{"name": "\\ud800"}',
        headers={**api.headers, "Content-Type": "application/json"}, timeout=30,
    )  # fmt: skip

    assert response.status_code == 400, response.text


def test_a_name_is_taken_once_also_by_many_at_once(new_api: Api, other_api: Api) -> None:
    def make(_: int) -> int:
        return refused_or_made(new_api, GIVEN)

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(make, range(8)))

    assert statuses == [201] + [400] * 7
    other = call(new_api, "POST", "intents", status=201, json={"name": "other"})
    assert refused(new_api, "PATCH", f"intents/{other['id']}", {"name": GIVEN["name"]}) == (
        400,
        "Another intent has this name.",
    )
    assert call(new_api, "PATCH", f"intents/{other['id']}", json={"name": "other"})["name"] == "other"
    # Of another account the name is free.
    assert refused_or_made(other_api, GIVEN) == 201


def refused_or_made(api: Api, body: Json) -> int:
    url = f"{api.base_url}/api/v1/intents"
    return requests.post(url, headers=api.headers, json=body, timeout=30).status_code


@pytest.mark.parametrize("cursor", ["", "x", "intent_none", "%00", "run_1"])
def test_a_cursor_of_nobody_is_refused(api: Api, cursor: str) -> None:
    url = f"{api.base_url}/api/v1/intents?cursor={cursor}"

    assert requests.get(url, headers=api.headers, timeout=30).status_code == 400


@pytest.mark.parametrize("found", [True, None], ids=["found", "asked in vain"])
@pytest.mark.parametrize("words", ["May I?", ""], ids=["words", "no words"])
def test_what_was_asked_before_an_approval_is_not_asked_again(
    new_api: Api, upstream: FakeUpstream, receiver: Receiver, words: str, *, found: bool | None
) -> None:
    intent = assistants.make_intent(new_api, "下单")
    tool = tools.make(new_api, receiver.url, needs_approval=True)
    helper = assistants.make(new_api, kind="tool", model=MODEL, tools=[tool["id"]], intents=[intent])
    first, last = tools.calls((tool["name"], {}), text=words), says("Done.")
    small = says('{"satisfied": [1]}' if found else "Who knows?")
    assistants.script_intents(upstream, intents=small, answer=first)

    waiting = new_api.answer("两个面包", id=new_id(), model=assistants.named(helper))
    assistants.script_intents(upstream, intents=says('{"satisfied": []}'), answer=last)
    assert tools.decide(new_api, waiting["run_id"], "approve").status_code == 200

    run = eventually(lambda: runs.retrieve(new_api, waiting["run_id"]), lambda run: run["finished_at"] is not None)
    shown = [{"id": intent, "name": "下单", "satisfied": found}]
    assert (run["status"], waiting["intents"], run["intents"]) == ("completed", shown, shown)
    assert run.get("notes", {}) == ({} if found else {"intents": "failed"})
    assert len(assistants.small_calls(upstream)) == 1
