"""Journey: assistants are made, changed in versions and deleted over the API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fakes.replies import Json
from tests.journeys.assistants import client as assistants
from tests.journeys.clients import knowledge, tools
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.journeys.service import Service

BARE: Json = {
    "object": "assistant",
    "version": 1,
    "default": False,
    "name": "助手",
    "kind": "dialogue",
    "model": "",
    "context": True,
    "history_most": None,
    "knowledge": [],
    "tools": [],
    "intents": [],
    "search": False,
    "fallback": "custom",
    "decodes_base64": True,
    "greeting": "",
    "requires_token": False,
    "prompt": "",
    "options": {},
    "fallback_text": "",
}
# Of one in a list.
LONG = ("prompt", "options", "fallback_text")
# What tells one from another.
OWN = ("id", "created_at", "changed_at")


def test_one_is_made_with_a_name_alone(new_api: Api) -> None:
    made = assistants.make(new_api)

    assert made["id"].startswith("asst_")
    assert made == {**BARE, **{name: made[name] for name in OWN}}
    assert call(new_api, "GET", f"assistants/{made['id']}") == made
    short = {name: value for name, value in made.items() if name not in LONG}
    assert call(new_api, "GET", "assistants") == {"results": [short], "next": None}


def test_all_that_one_may_have_is_kept(new_api: Api) -> None:
    base = knowledge.make_base(new_api)
    tool = tools.make(new_api, "https://93.184.216.34/x")["id"]
    given = {
        "name": "客服", "kind": "tool", "model": "gpt-4o-mini", "prompt": "你是客服。", "options": {"temperature": 0.5},
        "context": False, "history_most": 0, "knowledge": [base], "tools": [tool, tool], "search": True,
        "fallback": "fix", "fallback_text": "没有找到。", "decodes_base64": False, "greeting": "你好!",
        "requires_token": True, "default": True,
    }  # fmt: skip

    made = assistants.make(new_api, **given)

    assert made == {**BARE, **given, "tools": [tool], **{name: made[name] for name in OWN}}


def test_a_change_is_a_new_version_and_the_old_ones_can_be_read(new_api: Api) -> None:
    made = assistants.make(new_api, prompt="Old.", history_most=3)

    changed = assistants.change(new_api, made, prompt="New.", history_most=None)
    same = assistants.change(new_api, made, prompt="New.", name=None)

    assert changed == {
        **made, "version": 2, "prompt": "New.", "history_most": None, "changed_at": changed["changed_at"],
    }  # fmt: skip
    assert same == changed
    assert call(new_api, "GET", f"assistants/{made['id']}?version=1") == made
    assert assistants.refused(new_api, "GET", f"assistants/{made['id']}?version=3", None)[0] == 404
    listed = call(new_api, "GET", f"assistants/{made['id']}/versions")
    assert [one["version"] for one in listed["results"]] == [2, 1]
    first = call(new_api, "GET", f"assistants/{made['id']}/versions?limit=1")
    assert first["next"].endswith("?limit=1&before=2")
    rest = call(new_api, "GET", f"assistants/{made['id']}/versions?before=2")
    assert ([one["version"] for one in rest["results"]], rest["next"]) == ([1], None)


def test_changes_at_once_are_a_version_each(new_api: Api) -> None:
    made = assistants.make(new_api)

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(lambda at: assistants.change(new_api, made, prompt=f"Prompt {at}."), range(8)))

    assert max(one["version"] for one in changed) == 9
    listed = call(new_api, "GET", f"assistants/{made['id']}/versions")["results"]
    assert [one["version"] for one in listed] == list(range(9, 0, -1))


def test_a_deleted_one_is_found_nowhere_and_leaves_no_words(new_api: Api, rows: Rows) -> None:
    made = assistants.make(new_api, prompt="Secret words.")
    assistants.change(new_api, made, prompt="Other words.")

    deleted = assistants.delete(new_api, made)

    assert deleted == {"id": made["id"], "object": "assistant", "deleted": True}
    assert call(new_api, "GET", "assistants") == {"results": [], "next": None}
    for method, tail in [("GET", ""), ("GET", "?version=1"), ("GET", "/versions"), ("PATCH", ""), ("DELETE", "")]:
        assert assistants.refused(new_api, method, f"assistants/{made['id']}{tail}", {})[0] == 404, (method, tail)
    assert rows.all("SELECT id FROM conversations_assistantversion v WHERE v::text LIKE %s", "%words.%") == []


def test_one_alone_is_the_default_one(new_api: Api) -> None:
    first = assistants.make(new_api, default=True)
    second = assistants.make(new_api)

    chosen = assistants.change(new_api, second, default=True)

    assert (chosen["default"], chosen["version"]) == (True, 1)
    assert call(new_api, "GET", f"assistants/{first['id']}")["default"] is False
    status, message = assistants.refused(new_api, "PATCH", f"assistants/{second['id']}", {"default": False})
    assert (status, message) == (400, "Make another assistant the default one instead: an account always has one.")
    assert assistants.change(new_api, first, default=False)["default"] is False


def test_pages_go_on_behind_deleted_ones(new_api: Api) -> None:
    made = [assistants.make(new_api, name=f"a{at}") for at in range(5)]
    assistants.delete(new_api, made[2])

    first = call(new_api, "GET", "assistants?limit=2")
    second = call(new_api, "GET", f"assistants?limit=2&cursor={made[3]['id']}")

    assert [one["name"] for one in first["results"]] == ["a4", "a3"]
    assert [one["name"] for one in second["results"]] == ["a1", "a0"]
    assert second["next"] is None


BAD: list[tuple[Any, str]] = [
    ({}, "name is required"),
    ({"name": ""}, "name must have from 1 to 100 characters"),
    ({"name": "a" * 101}, "name must have from 1 to 100 characters"),
    ({"name": 1}, "name: must be a string."),
    ({"name": "a\x00"}, "name contains a NUL character"),
    ({"name": "a", "kind": "robot"}, "kind must be one of dialogue, knowledge, tool"),
    ({"name": "a", "fallback": "cry"}, "fallback must be one of custom, fix, web_search"),
    ({"name": "a", "fallback": "fix"}, 'fallback_text is required with the fallback "fix"'),
    ({"name": "a", "fallback": "fix", "fallback_text": " "}, 'fallback_text is required with the fallback "fix"'),
    ({"name": "a", "knowledge": ["kb_x"]}, 'knowledge must be empty for the kind "dialogue"'),
    ({"name": "a", "kind": "knowledge", "tools": ["t"]}, 'tools must be empty but for the kind "tool"'),
    ({"name": "a", "kind": "knowledge", "knowledge": ["kb_x"]}, "knowledge: there is no 'kb_x'"),
    ({"name": "a", "kind": "tool", "tools": ["tool_x"]}, "tools: there is no 'tool_x'"),
    ({"name": "a", "intents": ["intent_x"]}, "intents: there is no 'intent_x'"),
    ({"name": "a", "intents": "intent_x"}, 'intents: Expected a list of items but got type "str".'),
    ({"name": "a", "intents": [1]}, "intents.0: must be a string."),
    ({"name": "a", "intents": ["i"] * 33}, "intents: must have at most 32 elements."),
    ({"name": "a", "intents": ["i" * 41]}, "intents.0: must have at most 40 characters."),
    ({"name": "a", "history_most": 1001}, "history_most: must be a whole number from 0 to 1000."),
    ({"name": "a", "history_most": 1.5}, "history_most: must be a whole number from 0 to 1000."),
    ({"name": "a", "search": "true"}, "search: must be true or false."),
    ({"name": "a", "default": 1}, "default: must be true or false."),
    ({"name": "a", "options": []}, "options: must be a JSON object."),
    ({"name": "a", "options": {"temperature": 3}}, "temperature must be a number from 0 to 2"),
    ({"name": "a", "options": {"stream": True}}, "stream is said by each request, not by a preset"),
    ({"name": "a", "options": {"Ü": 1}}, "options have names of a-z, 0-9 and _, of at most 64 characters"),
    ({"name": "a", "greeting": "a" * 4001}, "greeting: must have at most 4000 characters."),
    ({"name": "a", "model": "assistant:asst_1"}, "model must not be an assistant"),
    ({"name": "a", "model": "m" * 201}, "model is longer than 200 characters"),
    ({"name": "a", "model": "text-embedding-3-small"}, "makes embeddings"),
    ({"name": "a", "model": "no-such-model"}, "is not known"),
]


@pytest.mark.parametrize(("body", "message"), BAD)
def test_what_one_cannot_be_is_refused(api: Api, rows: Rows, body: Json, message: str) -> None:
    before = rows.counts()

    status, said = assistants.refused(api, "POST", "assistants", body)

    assert (status, message in said) == (400, True), said
    assert rows.counts() == before


def test_a_change_that_does_not_fit_changes_nothing(new_api: Api) -> None:
    base = knowledge.make_base(new_api)
    made = assistants.make(new_api, kind="knowledge", knowledge=[base])

    refused = assistants.refused(new_api, "PATCH", f"assistants/{made['id']}", {"kind": "dialogue", "default": True})

    assert refused == (400, 'knowledge must be empty for the kind "dialogue"')
    assert call(new_api, "GET", f"assistants/{made['id']}") == made


def test_what_is_gone_since_stands_in_the_way_of_no_change(new_api: Api) -> None:
    base = knowledge.make_base(new_api)
    made = assistants.make(new_api, kind="knowledge", knowledge=[base])
    call(new_api, "DELETE", f"knowledge/{base}")

    assert assistants.change(new_api, made, greeting="Hi")["knowledge"] == [base]


def test_an_account_has_a_number_of_them(service: Service) -> None:
    name = new_id()
    own = Api(service.base_url, service.create_key(name))
    made = assistants.make(own)
    service.in_shell(
        f"from conversations.models import Account; Account.objects.filter(name={name!r}).update(max_assistants=1)"
    )

    assert assistants.refused(own, "POST", "assistants", {"name": "b"}) == (
        403,
        "An account has at most 1 assistants.",
    )
    assistants.delete(own, made)
    assistants.make(own)


def test_a_key_gives_no_assistant_a_model_that_it_may_not_ask(service: Service) -> None:
    name = new_id()
    own, narrow = (
        Api(service.base_url, service.create_key(name, *options)) for options in ([], ["--model=gpt-4o-mini"])
    )
    made = assistants.make(own, model="gpt-4o")

    created = assistants.refused(narrow, "POST", "assistants", {"name": "a", "model": "gpt-4o"})

    assert created == (403, "The API key may not use the model 'gpt-4o'.")
    assert assistants.change(narrow, made, greeting="Hi")["model"] == "gpt-4o"
