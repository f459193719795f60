"""Journey: a system prompt that a conversation keeps, given as text or by the name of a stored preset."""

from typing import Any

import pytest
import requests

from tests.fakes.replies import Json, fails, says
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, Api, new_id, refusal, system, user
from tests.journeys.clients.tasks import LATER
from tests.journeys.rows import Rows
from tests.journeys.service import Service

# Stored for the first account: two versions of one name, and one whose parameters every turn uses.
STORED = """
from conversations.models import Account, Preset
from conversations.services import presets
account = Account.objects.get(name="default")
presets.save(account=account, name="captain", text="Talk like a pirate.", parameters={"temperature": 0.25})
presets.save(account=account, name="editor", text="Old words.")
presets.save(account=account, name="editor", text="New words.", parameters={"top_p": 0.5, "max_completion_tokens": 99})
presets.save(account=account, name="painter", text="Old.", model="gpt-4")
presets.save(account=account, name="painter", text="Paint.", model="gpt-4o")
# Rows of before anything was checked.
Preset.objects.create(account=account, name="lost", text="Lost.", model="no-such-model")
Preset.objects.create(
    account=account,
    name="usurper",
    text="Be kind.",
    parameters={"messages": [], "model": "gpt-4", "stream": False, "temperature": "hot", "top_p": 0.5},
)
"""
BARE = {"model", "messages", "stream", "stream_options"}


@pytest.fixture(scope="module")
def stored(service: Service) -> None:
    service.in_shell(STORED)


def sent(upstream: FakeUpstream) -> list[list[str]]:
    """The system prompts of each request so far."""
    return [
        [message["content"] for message in request.messages if message["role"] == "system"]
        for request in upstream.requests
    ]


def test_a_preset_is_free_text_before_the_question(api: Api, upstream: FakeUpstream) -> None:
    api.answer("Paint!", preset="You are a professional artist\n你是画家 🎨")

    assert upstream.requests[0].messages == [system("You are a professional artist\n你是画家 🎨"), user("Paint!")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{"preset": "A"}, {}, {}], [["A"], ["A"], ["A"]]),
        ([{"preset": "A"}, {"preset": None}], [["A"], ["A"]]),
        ([{"preset": "A"}, {"preset": "B"}, {}], [["A"], ["B"], ["B"]]),
        ([{"preset": "A"}, {"preset": ""}, {}], [["A"], [], []]),
        ([{}, {"preset": "A"}, {}], [[], ["A"], ["A"]]),
        ([{"preset": "A"}, {"preset": "B", "stateful": False}, {}], [["A"], ["B"], ["A"]]),
        ([{"preset": "A"}, {"stateful": False}], [["A"], []]),
    ],
)
def test_a_preset_lasts_until_another_one_or_none(
    api: Api, upstream: FakeUpstream, given: list[Json], expected: list[list[str]]
) -> None:
    thread = new_id()

    for fields in given:
        api.answer("Next", id=thread, **fields)

    assert sent(upstream) == expected


def test_a_preset_is_never_part_of_the_history(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()

    api.answer("1", id=thread, preset="A")
    api.answer("2", id=thread, preset="B")

    assert [message["role"] for message in upstream.requests[1].messages] == ["system", "user", "assistant", "user"]
    assert rows.conversations(thread)[0]["preset_text"] == "B"


@pytest.mark.usefixtures("stored")
def test_the_name_of_a_stored_preset_means_its_newest_version(api: Api, upstream: FakeUpstream) -> None:
    api.answer("Hello", preset="editor")

    body = upstream.requests[0].body
    assert body["messages"] == [system("New words."), user("Hello")]
    assert (body["top_p"], body["max_completion_tokens"]) == (0.5, 99)
    assert body.keys() == BARE | {"top_p", "max_completion_tokens"}


@pytest.mark.usefixtures("stored")
def test_a_stored_preset_lasts_with_its_parameters_and_its_version(
    api: Api, upstream: FakeUpstream, rows: Rows
) -> None:
    thread = new_id()

    api.answer("1", id=thread, preset="captain")
    rows.change(
        "INSERT INTO conversations_preset (account_id, name, version, text, model, parameters) "
        "SELECT account_id, name, 2, 'Talk like a cook.', '', '{}' FROM conversations_preset WHERE name = 'captain'"
    )
    api.answer("2", id=thread)
    api.answer("3", id=thread, preset="captain")
    api.answer("4", id=thread, preset="")

    assert sent(upstream) == [["Talk like a pirate."], ["Talk like a pirate."], ["Talk like a cook."], []]
    assert [request.body.get("temperature") for request in upstream.requests] == [0.25, 0.25, None, None]
    versions = rows.all(
        "SELECT p.version FROM conversations_run r LEFT JOIN conversations_preset p ON p.id = r.preset_id "
        "JOIN conversations_conversation c ON c.id = r.conversation_id WHERE c.public_id = %s ORDER BY r.id",
        thread,
    )
    assert [row["version"] for row in versions] == [1, 1, 2, None]


@pytest.mark.usefixtures("stored")
def test_no_stored_preset_replaces_the_question_or_the_model(api: Api, upstream: FakeUpstream) -> None:
    api.answer("Hello", preset="usurper")

    body = upstream.requests[0].body
    assert (body["model"], body["messages"]) == (MODEL, [system("Be kind."), user("Hello")])
    assert body.keys() == BARE | {"top_p"}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("text", ["Editor", "editor ", "editor please"])
def test_a_preset_that_is_not_exactly_a_name_is_text(api: Api, upstream: FakeUpstream, text: str) -> None:
    api.answer("Hello", preset=text)

    assert sent(upstream) == [[text]]
    assert upstream.requests[0].body.keys() == BARE


@pytest.mark.usefixtures("stored")
def test_another_accounts_preset_is_only_text(other_api: Api, upstream: FakeUpstream) -> None:
    other_api.answer("Hello", preset="editor")

    assert sent(upstream) == [["editor"]]
    assert upstream.requests[0].body.keys() == BARE


def ask(api: Api, **fields: Any) -> requests.Response:
    """Without a model, unless one is given."""
    return api.post({"question": "Hi", **fields})


def models(upstream: FakeUpstream) -> list[str]:
    return [request.body["model"] for request in upstream.requests]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("fields", [{}, {"model": None}, {"model": " "}, {"stateful": True}, {"async": True}])
def test_a_stored_presets_model_answers_where_the_request_names_none(
    api: Api, upstream: FakeUpstream, rows: Rows, fields: Json
) -> None:
    response = ask(api, preset="painter", **fields)

    assert response.status_code == 200, response.text
    assert rows.ended(response)["model"] == "gpt-4o"
    assert models(upstream) == ["gpt-4o"]


@pytest.mark.usefixtures("stored")
def test_the_requests_own_model_wins(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()

    ask(api, id=thread, preset="painter", model=MODEL)
    ask(api, id=thread, model=MODEL)

    assert models(upstream) == [MODEL, MODEL]


@pytest.mark.usefixtures("stored")
def test_a_presets_model_lasts_as_long_as_the_preset(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()

    kept = [ask(api, id=thread, **fields) for fields in ({"preset": "painter"}, {}, {"model": MODEL}, {})]
    cleared = ask(api, id=thread, preset="")
    free_text = ask(api, id=thread, preset="You are a painter.")
    unstored = ask(api, id=thread, stateful=False)

    assert [response.status_code for response in kept] == [200] * 4
    assert models(upstream) == ["gpt-4o", "gpt-4o", MODEL, "gpt-4o"]
    for response in (cleared, free_text, unstored):
        assert refusal(response) == (400, "bad_request", "model is required")


@pytest.mark.usefixtures("stored")
def test_a_turn_that_waits_for_another_has_its_presets_model(api: Api, upstream: FakeUpstream, rows: Rows) -> None:
    thread = new_id()
    upstream.script(says("Paint").stalled_after(1))
    first = ask(api, id=thread, preset="painter", **LATER)
    upstream.wait_for_requests(1)

    second = ask(api, id=thread, **LATER)
    cleared = ask(api, id=thread, preset="", model=MODEL, **LATER)
    third = ask(api, id=thread)
    upstream.release()

    assert [response.status_code for response in (first, second, cleared)] == [200] * 3
    assert refusal(third) == (400, "bad_request", "model is required")
    assert [rows.ended(response)["model"] for response in (second, cleared)] == ["gpt-4o", MODEL]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("fields", [{}, {"preset": "captain"}, {"preset": "nobody"}, {"id": "never-seen"}])
def test_without_a_model_anywhere_it_is_required(api: Api, upstream: FakeUpstream, rows: Rows, fields: Json) -> None:
    before = rows.counts()

    assert refusal(ask(api, **fields)) == (400, "bad_request", "model is required")

    assert rows.counts() == before
    assert upstream.requests == []


@pytest.mark.usefixtures("stored")
def test_a_presets_model_is_checked_like_any_other(api: Api, other_api: Api, upstream: FakeUpstream) -> None:
    assert refusal(ask(api, preset="lost"))[:2] == (400, "bad_request")
    assert refusal(ask(other_api, preset="painter")) == (400, "bad_request", "model is required")
    assert upstream.requests == []


def test_a_failed_turns_preset_does_not_stay(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    api.answer("1", id=thread, preset="A")
    upstream.script(fails(400, "No."))

    failed = api.ask("2", id=thread, preset="B")
    api.answer("3", id=thread)

    assert failed.status_code == 400
    assert sent(upstream) == [["A"], ["B"], ["A"]]
    assert [message["content"] for message in upstream.requests[2].messages if message["role"] == "user"] == ["1", "3"]
