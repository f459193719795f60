"""The sources of a run that calls tools: found once, and the same under the same numbers whenever it goes on."""

import re
from collections.abc import Iterator

import pytest

from tests.builders.texts.sources import RETURNS, WARRANTY
from tests.fakes.receiver import Receiver, answers
from tests.fakes.replies import Json, says
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients import knowledge, receipts, tools
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows

QUESTION = "How long is the warranty of the tower?"
PAGE = "<html><title>Tower</title><p>The warranty of the tower lasts a century.</p></html>"
OTHER = "<html><title>Other</title><p>The warranty of the other tower lasts a day.</p></html>"


@pytest.fixture
def base(api: Api) -> Iterator[str]:
    base = knowledge.make_base(api)
    for name, text in (("Manual", WARRANTY), ("Returns", RETURNS)):
        knowledge.ended(api, base, knowledge.add(api, base, name=name, text=text)["id"])
    yield base
    call(api, "DELETE", f"knowledge/{base}", status=200)


@pytest.fixture
def answer(api: Api, upstream: FakeUpstream, web: FakeWeb, receiver: Receiver, base: str) -> Json:
    """Of a turn whose model was shown a link, a base and a page, and waits for an approval."""
    receiver.default = answers(200, b"The warranty of the link lasts a week.", {"Content-Type": "text/plain"})
    web.finds(("Tower", web.page("/tower", PAGE), "a tower"))
    tool = tools.make(api, receiver.url, needs_approval=True)
    upstream.script(tools.calls((tool["name"], {}), text="The tower's warranty lasts a century [3]."))
    return api.answer(QUESTION, id=new_id(), tools=[tool["id"]], knowledge=base, search=True, references=[receiver.url])


def block(request_body: Json) -> str:
    """The sources that a model was shown, without the word that is of their texts."""
    said = next(one["content"] for one in reversed(request_body["messages"]) if one["role"] == "user")
    text = said if isinstance(said, str) else "".join(part.get("text", "") for part in said)
    return re.sub("«(source|end) [0-9a-f]+", r"«\1", re.sub("sources [0-9a-f]+", "sources", text))


def test_they_are_not_looked_for_again_after_an_approval(
    api: Api, upstream: FakeUpstream, web: FakeWeb, base: str, answer: Json
) -> None:
    run_id = answer["run_id"]
    assert [source["kind"] for source in answer["sources"]] == ["reference", "knowledge", "search"]
    asked, opened = len(web.asked), list(web.opened)
    web.finds(("Other", web.page("/other", OTHER), "another"))
    knowledge.ended(api, base, knowledge.add(api, base, name="Newer", text=f"{QUESTION} Newer. {WARRANTY}")["id"])
    upstream.script(says("So it is [1]."))

    tools.decide(api, run_id, "approve")

    again = tools.read_again(api, run_id)
    assert again["sources"] == answer["sources"]
    assert again["answer"] == "The tower's warranty lasts a century [3].\n\nSo it is [1]."
    assert [cited["number"] for cited in again["citations"]] == [3, 1]
    assert again["citations"][0]["quote"]["text"] == "The warranty of the tower lasts a century."
    assert "notes" not in again
    assert (len(web.asked), web.opened) == (asked, opened)
    first, second = (block(request.body) for request in upstream.requests)
    assert first == second
    receipt = receipts.receipt(api, run_id)
    assert [source["number"] for source in receipt["sources"] if source["number"]] == [1, 2, 3]


def test_a_document_that_was_deleted_meanwhile_keeps_its_number(
    api: Api, upstream: FakeUpstream, base: str, answer: Json
) -> None:
    run_id, document = answer["run_id"], answer["sources"][1]["id"]
    knowledge.delete(api, base, document)
    upstream.script(says("So it is [3]."))

    tools.decide(api, run_id, "approve")

    again = tools.read_again(api, run_id)
    assert [source["id"] for source in again["sources"]] == [source["id"] for source in answer["sources"]]
    assert again["sources"][1]["snippet"] is None
    assert again["sources"][2] == answer["sources"][2]
    assert again["notes"] == {"sources": "gone"}
    told = block(upstream.requests[-1].body)
    assert "«source [2]» Manual\n(The text of this source cannot be shown any more.)" in told
    assert WARRANTY not in told
    assert "The warranty of the tower lasts a century." in told


def test_what_is_kept_of_them_has_no_text_that_stands_elsewhere(answer: Json, rows: Rows) -> None:
    (row,) = rows.all(
        "SELECT s.context::text AS kept FROM conversations_runstep s JOIN conversations_run r ON r.id = s.run_id "
        "WHERE r.public_id = %s",
        answer["run_id"],
    )

    kept = row["kept"]
    assert "lasts a century" in kept
    assert WARRANTY[:40] not in kept
    assert "lasts a week" not in kept


def test_a_run_without_sources_keeps_nothing_of_them(
    api: Api, upstream: FakeUpstream, receiver: Receiver, rows: Rows
) -> None:
    tool = tools.make(api, receiver.url)
    upstream.script(tools.calls((tool["name"], {})), says("Done."))
    thread = new_id()

    api.answer("Go", id=thread, tools=[tool["id"]])

    assert rows.all(
        "SELECT s.context FROM conversations_runstep s JOIN conversations_run r ON r.id = s.run_id "
        "JOIN conversations_conversation c ON c.id = r.conversation_id WHERE c.public_id = %s",
        thread,
    ) == [{"context": None}]
