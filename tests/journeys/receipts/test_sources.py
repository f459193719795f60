"""Journey: what a receipt says of files, of knowledge and of what a search has found."""

import pytest

from tests.fakes.replies import Json
from tests.fakes.upstream import FakeUpstream
from tests.fakes.web import FakeWeb
from tests.journeys.clients.aichat import Api, new_id
from tests.journeys.clients.receipts import receipt, said
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.waiting import eventually

SMALL_MODEL = "gpt-4"
QUESTION = "How high is the tower of Ulm?"


def words(message: Json) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_a_search_is_kept_as_spans_and_scores(new_api: Api, upstream: FakeUpstream, web: FakeWeb, rows: Rows) -> None:
    page = web.page("/ulm", "The tower of Ulm is 161 metres high.", media_type="text/plain")
    web.finds(("Ulm Minster", page, "a tower"))

    run_id = new_api.ask(QUESTION, search=True).headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    (source,) = found["sources"]
    assert (source["number"], source["kind"], source["url"]) == (1, "search", page)
    (passage,) = source["passages"]
    assert (passage["start"], passage["end"], passage["text"]) == (0, 36, None)
    assert passage["score"] > 0
    assert found["sources_at"] == 0
    assert words(upstream.requests[0].messages[0]).endswith(said(found)[0][1])
    assert found["estimated_tokens"]["sources"] > 50
    (row,) = rows.all("SELECT answer->'context' AS kept FROM conversations_run WHERE public_id = %s", run_id)
    assert "metres" not in str(row["kept"])


def test_a_file_that_has_no_room_says_what_was_left_out(new_api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    text = " ".join(f"Alder number {number} floats on water." for number in range(3_000))
    page = web.page("/alder.txt", text, media_type="text/plain")

    run_id = new_api.ask("Does alder number 7 float?", model=SMALL_MODEL, references=[page]).headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    shown, left_out = found["sources"]
    assert (shown["number"], left_out["number"]) == (1, None)
    assert shown["id"] == left_out["id"]
    spans = [(passage["start"], passage["end"]) for passage in shown["passages"]]
    seen = words(upstream.requests[0].messages[-1])
    assert all(text[start:end] in seen for start, end in spans)
    assert not any(text[passage["start"] : passage["end"]] in seen for passage in left_out["passages"])
    (file,) = found["files"]
    assert (file["shown"], file["source"], file["message"], file["name"]) == ("text", 1, 0, page)


@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_document_that_is_deleted_leaves_its_spans(new_api: Api, upstream: FakeUpstream, is_deleted: bool) -> None:
    base = call(new_api, "POST", "knowledge", status=201, json={"name": new_id()})["id"]
    path = f"knowledge/{base}/documents"
    document = call(new_api, "POST", path, status=202, json={"name": "Ulm", "text": "The tower of Ulm is high."})["id"]
    eventually(lambda: call(new_api, "GET", f"{path}/{document}")["status"], lambda status: status == "ready")
    run_id = new_api.ask(QUESTION, knowledge=base).headers["X-Run-Id"]

    if is_deleted:
        call(new_api, "DELETE", f"{path}/{document}")

    (source,) = receipt(new_api, run_id)["sources"]
    assert (source["id"], source["knowledge"], source["number"]) == (document, base, 1)
    (passage,) = source["passages"]
    assert (passage["start"], passage["end"]) == (0, 25)
    assert passage["text"] in (None, "The tower of Ulm is high.")
    assert passage["text"] is None or not is_deleted


def test_a_search_that_failed_says_so(new_api: Api, upstream: FakeUpstream, web: FakeWeb) -> None:
    run_id = new_api.ask(QUESTION, search=True).headers["X-Run-Id"]

    found = receipt(new_api, run_id)
    assert found["sources"] == []
    assert found["notes"] == {"search": "empty"}
    assert said(found) == [("user", QUESTION)]
