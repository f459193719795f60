"""Journey: documents are added to a knowledge base, indexed behind the answer, shown, and deleted."""

import threading

import pytest
import requests

from tests.fakes.receiver import Receiver, answers, answers_once
from tests.journeys.clients import knowledge
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.webhooks import call
from tests.journeys.rows import Rows
from tests.waiting import eventually

TEXT = "# Herons\n\nHerons nest early.\n\n苍鹭很早筑巢。\n"


@pytest.fixture
def base(new_api: Api) -> str:
    return knowledge.make_base(new_api)


def test_a_base_is_made_renamed_listed_and_deleted(new_api: Api) -> None:
    made = call(new_api, "POST", "knowledge", status=201, json={"name": "Birds"})

    renamed = call(new_api, "PATCH", f"knowledge/{made['id']}", json={"name": "Waders"})
    listed = call(new_api, "GET", "knowledge")
    deleted = call(new_api, "DELETE", f"knowledge/{made['id']}")

    assert made == {
        "id": made["id"],
        "object": "knowledge_base",
        "name": "Birds",
        "embedding": "",
        "reindexing": False,
        "reindex_error": None,
        "created_at": made["created_at"],
    }
    assert made["id"].startswith("kb_")
    assert renamed["name"] == "Waders"
    assert renamed["documents"] == {"queued": 0, "processing": 0, "ready": 0, "failed": 0}
    assert (listed["results"], listed["next"]) == ([{**made, "name": "Waders"}], None)
    assert renamed["vectors"] is None
    assert deleted == {"id": made["id"], "object": "knowledge_base", "deleted": True}
    assert call(new_api, "GET", "knowledge")["results"] == []
    assert call(new_api, "GET", f"knowledge/{made['id']}", status=404)["error"]["code"] == "not_found"


def test_a_text_is_queued_and_then_ready(new_api: Api, base: str) -> None:
    queued = knowledge.add(new_api, base, name="herons", text=TEXT)

    ready = knowledge.ended(new_api, base, queued["id"])

    assert (queued["object"], queued["knowledge"], queued["kind"]) == ("knowledge_document", base, "text")
    # As it was accepted, however fast a worker is.
    assert (queued["status"], queued["progress"], queued["error"], queued["passages"]) == ("queued", 0.0, None, None)
    assert (ready["status"], ready["progress"], ready["error"]) == ("ready", 1.0, None)
    assert (ready["size"], ready["characters"], ready["pages"]) == (len(TEXT.encode()), len(TEXT), None)
    assert ready["passages"] >= 1
    assert ready["ready_at"] >= ready["created_at"]


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_file_is_uploaded(new_api: Api, base: str, size: int) -> None:
    data = (TEXT + "Storks too.\n" * (size // 12)).encode()

    queued = knowledge.upload(new_api, base, data, file_name="Vögel.md")
    named = knowledge.upload(new_api, base, data, file_name="Vögel.md", name="Birds")

    ready = knowledge.ended(new_api, base, queued["id"])
    assert (ready["status"], ready["name"], ready["kind"], ready["size"]) == ("ready", "Vögel.md", "file", len(data))
    assert knowledge.ended(new_api, base, named["id"])["name"] == "Birds"


def test_a_url_is_fetched(new_api: Api, base: str, receiver: Receiver) -> None:
    receiver.default = answers(200, TEXT.encode(), {"Content-Type": "text/plain; charset=utf-8"})

    queued = knowledge.add(new_api, base, url=f"{receiver.url}/herons")
    ready = knowledge.ended(new_api, base, queued["id"])

    assert (queued["name"], queued["url"], queued["size"]) == (f"{receiver.url}/herons", f"{receiver.url}/herons", None)
    assert (ready["status"], ready["kind"], ready["size"]) == ("ready", "url", len(TEXT.encode()))
    assert len(receiver.requests) == 1
    assert new_api.key not in str(receiver.requests[0])


def test_a_repeated_upload_is_the_same_document(new_api: Api, base: str) -> None:
    first = knowledge.upload(new_api, base, b"Herons.")
    knowledge.ended(new_api, base, first["id"])

    again = knowledge.upload(new_api, base, b"Herons.")

    assert (again["id"], again["status"]) == (first["id"], "ready")
    assert call(new_api, "GET", f"knowledge/{base}")["documents"]["ready"] == 1


def test_documents_are_listed_by_status_in_pages(new_api: Api, base: str) -> None:
    made = [knowledge.add(new_api, base, name=str(number), text="Herons.")["id"] for number in range(3)]
    bad = knowledge.upload(new_api, base, b"\x00\xff\x00", file_name="a.bin")["id"]
    for one in (*made, bad):
        knowledge.ended(new_api, base, one)

    first = call(new_api, "GET", f"knowledge/{base}/documents", params={"limit": "2"})
    rest = requests.get(first["next"], headers=new_api.headers, timeout=30).json()
    failed = call(new_api, "GET", f"knowledge/{base}/documents", params={"status": "failed"})
    ready = call(new_api, "GET", f"knowledge/{base}/documents", params={"status": "ready"})

    assert [one["id"] for one in (*first["results"], *rest["results"])] == [bad, *reversed(made)]
    assert rest["next"] is None
    assert [one["id"] for one in failed["results"]] == [bad]
    assert [one["id"] for one in ready["results"]] == [*reversed(made)]


def test_what_cannot_be_read_says_why_and_is_tried_again_on_request(new_api: Api, base: str) -> None:
    bad = knowledge.upload(new_api, base, b"\x00\xff\x00" * 50, file_name="a.bin")["id"]
    good = knowledge.add(new_api, base, name="good", text="Herons.")["id"]

    failed = knowledge.ended(new_api, base, bad)
    retried = call(new_api, "POST", f"knowledge/{base}/documents/{bad}/retry", status=202)
    again = knowledge.ended(new_api, base, bad)
    refused = call(new_api, "POST", f"knowledge/{base}/documents/{good}/retry", status=409)

    assert failed["status"] == again["status"] == "failed"
    assert failed["error"]["code"]
    assert failed["error"]["message"]
    # A worker may have it already.
    assert retried["status"] in {"queued", "processing"}
    assert retried["error"] is None
    assert knowledge.ended(new_api, base, good)["status"] == "ready"
    assert refused["error"]["code"] == "busy"


def test_a_deleted_document_leaves_nothing(new_api: Api, base: str, rows: Rows) -> None:
    made = knowledge.add(new_api, base, name="herons", text="xyzzy herons")["id"]
    knowledge.ended(new_api, base, made)
    (key,) = (row["id"] for row in rows.all("SELECT id FROM conversations_document WHERE public_id = %s", made))

    deleted = knowledge.delete(new_api, base, made)

    assert deleted == {"id": made, "object": "knowledge_document", "deleted": True}
    assert knowledge.show(new_api, base, made, status=404)["error"]["code"] == "not_found"
    assert knowledge.delete(new_api, base, made, status=404)["error"]["code"] == "not_found"
    assert rows.all("SELECT 1 FROM conversations_documentcontent WHERE document_id = %s", key) == []
    assert rows.all("SELECT 1 FROM conversations_documentcontent WHERE text LIKE %s", "%xyzzy%") == []


def test_a_document_that_is_deleted_while_it_is_read_stays_gone(
    new_api: Api, base: str, receiver: Receiver, rows: Rows
) -> None:
    """Its server answers only after that."""
    released = threading.Event()
    receiver.default = answers_once(released, b"Herons.")
    made = knowledge.add(new_api, base, url=f"{receiver.url}/slow")["id"]
    eventually(lambda: knowledge.show(new_api, base, made)["status"], "processing".__eq__)
    receiver.wait(1)

    knowledge.delete(new_api, base, made)
    released.set()
    last = knowledge.add(new_api, base, name="last", text="Herons.")["id"]

    assert knowledge.ended(new_api, base, last)["status"] == "ready"
    assert [one["id"] for one in call(new_api, "GET", f"knowledge/{base}/documents")["results"]] == [last]


def test_a_base_is_re_indexed_while_it_serves(new_api: Api, base: str) -> None:
    made = [knowledge.add(new_api, base, name=str(number), text="Herons.")["id"] for number in range(3)]
    for one in made:
        knowledge.ended(new_api, base, one)

    begun = call(new_api, "POST", f"knowledge/{base}/reindex", status=202)
    done = eventually(lambda: call(new_api, "GET", f"knowledge/{base}"), lambda shown: not shown["reindexing"])

    assert begun["reindexing"] is True
    assert (done["reindex_error"], done["documents"]["ready"]) == (None, 3)


def test_a_deleted_base_takes_its_documents_along(new_api: Api, base: str, rows: Rows) -> None:
    made = knowledge.add(new_api, base, name="herons", text="Herons.")["id"]
    knowledge.ended(new_api, base, made)

    call(new_api, "DELETE", f"knowledge/{base}")

    assert knowledge.show(new_api, base, made, status=404)["error"]["code"] == "not_found"
    gone = "SELECT 1 FROM conversations_knowledgebase WHERE public_id = %s"
    eventually(lambda: rows.all(gone, base), [].__eq__)
    assert rows.all("SELECT 1 FROM conversations_document WHERE public_id = %s", made) == []


def test_a_base_gets_another_embedding_and_says_how_far_its_vectors_are(new_api: Api, base: str) -> None:
    made = knowledge.add(new_api, base, name="herons", text=TEXT)["id"]
    assert knowledge.ended(new_api, base, made)["vectors"] is None

    begun = call(new_api, "PATCH", f"knowledge/{base}", json={"embedding": "echo"})
    shown = eventually(
        lambda: call(new_api, "GET", f"knowledge/{base}"),
        lambda shown: bool(shown["vectors"]) and shown["vectors"]["made"] == 1,
    )
    refused = call(new_api, "PATCH", f"knowledge/{base}", status=400, json={"embedding": "no-such-model"})

    # A worker may have been as fast.
    assert (begun["embedding"], begun["reindexing"]) in {("", True), ("echo", False)}
    assert (shown["embedding"], shown["reindexing"]) == ("echo", False)
    assert shown["vectors"] == {"passages": 1, "made": 1, "refused": 0, "error": None}
    assert knowledge.show(new_api, base, made)["vectors"] == shown["vectors"]
    assert refused["error"]["code"] == "bad_request"
    assert refused["error"]["message"].startswith("embedding: ")
