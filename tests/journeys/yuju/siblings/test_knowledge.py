"""Journey: knowledge bases and their files, by the siblings of Yuju's chat."""

import threading
from typing import Any

import pytest
import requests

from tests.fakes.receiver import Receiver, answers, answers_once
from tests.journeys.clients import knowledge
from tests.journeys.clients.aichat import Api
from tests.journeys.clients.yuju import Yuju
from tests.journeys.rows import Rows
from tests.waiting import eventually

HERONS = "苍鹭三月筑巢。它们喜欢高大的松树。"
STORKS = "白鹳在屋顶上筑巢。"
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture
def base(new_api: Api) -> str:
    return knowledge.make_base(new_api, name="水鸟 Waders")


def add(siblings: Yuju, base: str, **fields: Any) -> dict[str, Any]:
    return dict(siblings.data("POST", f"kbs-add-content/{base}", json=fields))


def files(siblings: Yuju, base: str, **query: Any) -> dict[str, Any]:
    return dict(siblings.data("GET", "kbs/file/list", kbs=base, **query))


def ended(siblings: Yuju, base: str, file_id: str) -> dict[str, Any]:
    """The file, once it is ready or has failed."""

    def shown() -> dict[str, Any]:
        (found,) = (one for one in files(siblings, base)["list"] if one["file_id"] == file_id)
        return dict(found)

    return eventually(shown, lambda one: one["status"] in ("ready", "failed"), within=30.0)


def test_lists_the_bases_whose_name_has_a_part(new_api: Api, siblings: Yuju, others: Yuju, base: str) -> None:
    songbirds = knowledge.make_base(new_api, name="鸣禽 50%_")

    every = siblings.data("GET", "kbs-list")

    assert [(one["repo_id"], one["name"]) for one in every] == [(songbirds, "鸣禽 50%_"), (base, "水鸟 Waders")]
    assert every[0].keys() == {"repo_id", "name", "create_time"}
    assert len(every[0]["create_time"]) == len("2026-12-31 23:59:59")
    assert [one["repo_id"] for one in siblings.data("GET", "kbs-list", name="waders")] == [base]
    assert [one["repo_id"] for one in siblings.data("GET", "kbs-list/", name="水")] == [base]
    assert [one["repo_id"] for one in siblings.data("GET", "kbs-list", name="0%_")] == [songbirds]
    assert siblings.data("GET", "kbs-list", name="%") == siblings.data("GET", "kbs-list", name="50")
    assert {base, songbirds}.isdisjoint(one["repo_id"] for one in others.data("GET", "kbs-list"))


def test_a_text_is_added_and_found(siblings: Yuju, base: str) -> None:
    queued = add(siblings, base, c_type=1, content=HERONS, title="苍鹭")
    ready = ended(siblings, base, queued["file_id"])

    (found,) = siblings.data("GET", "kbs-content", kbs=base, key_world="苍鹭什么时候筑巢?", count=5)

    assert queued == {
        "file_id": queued["file_id"],
        "repo_id": base,
        "file_name": "苍鹭",
        "file_type": "text",
        "file_url": None,
        "status": "queued",
        "error": None,
        "size": len(HERONS.encode()),
        "create_time": queued["create_time"],
    }
    assert ready == {**queued, "status": "ready"}
    assert found == {
        "content": HERONS,
        "score": found["score"],
        "repo_id": base,
        "file_id": queued["file_id"],
        "file_name": "苍鹭",
        "file_url": None,
        "page": None,
    }


def test_a_text_without_a_title_is_called_by_its_beginning(siblings: Yuju, base: str) -> None:
    named = add(siblings, base, c_type="1", content=f"\n\n{HERONS}\n{STORKS * 50}")
    again = add(siblings, base, c_type=1, content=f"\n\n{HERONS}\n{STORKS * 50}", title=" \u200b")
    far = add(siblings, base, c_type=1, content=" " * 1_000 + HERONS)
    unseen = add(siblings, base, c_type=1, content="\u200b" * 100 + HERONS)

    assert named["file_name"] == f"{HERONS} {STORKS * 50}"[:50]
    assert again["file_id"] == named["file_id"]
    assert (far["file_name"], unseen["file_name"]) == (HERONS, "text")


def test_a_long_text_is_added(siblings: Yuju, base: str) -> None:
    """Beyond what is parsed in the event loop."""
    long = "苍鹭筑巢。\n" * 20_000

    queued = add(siblings, base, c_type=1, content=long, title="长")

    assert queued["size"] == len(long.encode())


@pytest.mark.parametrize("member", ["file_url", "content"])
def test_a_file_at_a_url_is_added(siblings: Yuju, base: str, receiver: Receiver, member: str) -> None:
    receiver.default = answers(200, STORKS.encode(), PLAIN)
    url = f"{receiver.url}/{member}"

    queued = add(siblings, base, c_type=3, **{member: url})
    ready = ended(siblings, base, queued["file_id"])

    assert (queued["file_name"], queued["file_url"], queued["file_type"]) == (url, url, "url")
    assert (ready["status"], ready["size"]) == ("ready", len(STORKS.encode()))
    assert siblings.key not in str(receiver.requests)


def test_a_file_is_replaced_by_what_is_at_a_url(
    new_api: Api, siblings: Yuju, base: str, receiver: Receiver, rows: Rows
) -> None:
    released = threading.Event()
    receiver.default = answers_once(released, STORKS.encode())
    known = add(siblings, base, c_type=1, content=HERONS, title="鸟")
    ended(siblings, base, known["file_id"])
    update = {"repo_id": base, "file_id": known["file_id"], "file_url": f"{receiver.url}/storks.txt"}

    queued = siblings.data("PUT", "kbs-update-content", json=update)
    meanwhile = siblings.data("GET", "kbs-content", kbs=base, key_world="苍鹭")
    eventually(lambda: receiver.requests, bool)
    busy = siblings.refusal("PUT", "kbs-update-content", json=update)
    released.set()
    ready = ended(siblings, base, known["file_id"])

    assert (queued["file_id"], queued["file_name"], queued["status"]) == (known["file_id"], "鸟", "queued")
    assert (queued["file_type"], queued["file_url"]) == ("url", update["file_url"])
    assert [(one["content"], one["file_url"]) for one in meanwhile] == [(HERONS, None)]
    assert busy == (409, "The document is being indexed: it can be changed when that is done.")
    assert (ready["status"], ready["size"], ready["create_time"]) == (
        "ready",
        len(STORKS.encode()),
        known["create_time"],
    )
    assert siblings.data("GET", "kbs-content", kbs=base, key_world="苍鹭") == []
    (found,) = siblings.data("GET", "kbs-content", kbs=base, key_world="白鹳")
    assert (found["content"], found["file_id"]) == (STORKS, known["file_id"])
    assert files(siblings, base)["total"] == 1
    (kept,) = rows.all(
        "SELECT c.text, u.documents, u.held_bytes FROM conversations_documentcontent c "
        "JOIN conversations_document d ON d.id = c.document_id "
        "JOIN conversations_knowledgeusage u ON u.account_id = d.account_id WHERE d.public_id = %s",
        known["file_id"],
    )
    assert kept == {"text": STORKS, "documents": 1, "held_bytes": len(STORKS.encode())}
    assert knowledge.show(new_api, base, known["file_id"])["status"] == "ready"


def test_a_file_that_cannot_be_replaced_is_found_as_it_was(
    siblings: Yuju, base: str, receiver: Receiver, new_api: Api
) -> None:
    receiver.default = answers(404)
    known = add(siblings, base, c_type=1, content=HERONS, title="鸟")
    ended(siblings, base, known["file_id"])
    update = {"repo_id": base, "file_id": known["file_id"], "file_url": f"{receiver.url}/gone"}

    siblings.data("PUT", "kbs-update-content", json=update)
    failed = ended(siblings, base, known["file_id"])

    assert (failed["status"], failed["file_url"], failed["size"]) == ("failed", update["file_url"], known["size"])
    assert "404" in failed["error"]
    (found,) = siblings.data("GET", "kbs-content", kbs=base, key_world="苍鹭")
    assert (found["content"], found["file_id"], found["file_url"]) == (HERONS, known["file_id"], None)
    shown = knowledge.show(new_api, base, known["file_id"])
    assert (shown["status"], shown["kind"], shown["url"]) == ("failed", "text", None)
    assert (shown["next_url"], shown["error"]["code"]) == (update["file_url"], "not_fetched")


def test_a_file_that_failed_is_replaced_and_one_is_no_other(siblings: Yuju, base: str, receiver: Receiver) -> None:
    receiver.default = answers(404)
    first = add(siblings, base, c_type=3, file_url=f"{receiver.url}/first")
    failed = ended(siblings, base, first["file_id"])
    receiver.default = answers(200, STORKS.encode(), PLAIN)
    second = add(siblings, base, c_type=3, file_url=f"{receiver.url}/second")
    ended(siblings, base, second["file_id"])
    update = {"repo_id": base, "file_id": first["file_id"]}

    refused = siblings.refusal("PUT", "kbs-update-content", json={**update, "file_url": f"{receiver.url}/second"})
    queued = siblings.data("PUT", "kbs-update-content", json={**update, "file_url": f"{receiver.url}/third"})
    ready = ended(siblings, base, first["file_id"])

    assert failed["status"] == "failed"
    assert failed["error"]
    assert refused == (409, "The knowledge base has another document of this URL and name.")
    assert (queued["file_url"], queued["error"]) == (f"{receiver.url}/third", None)
    # It was called by its URL, and still is.
    assert (ready["file_name"], ready["status"]) == (f"{receiver.url}/third", "ready")


def test_files_have_pages_with_numbers(siblings: Yuju, base: str) -> None:
    made = [add(siblings, base, c_type=1, content=HERONS, title=str(number))["file_id"] for number in range(3)]

    first = files(siblings, base, page=1, page_size=2)
    second = files(siblings, base, page="2", page_size="2")
    third = files(siblings, base, page=3, page_size=2)

    assert [one["file_id"] for one in (*first["list"], *second["list"], *third["list"])] == [*reversed(made)]
    assert {(page["total"], page["page_size"]) for page in (first, second, third)} == {(3, 2)}
    assert [page["page"] for page in (first, second, third)] == [1, 2, 3]
    beyond = siblings.refusal("GET", "kbs/file/list", kbs=base, page=5_001, page_size=2)
    assert beyond == (400, "page: only the first 10000 have pages")


NOT_THERE = (404, "knowledge base not found")


def test_what_is_of_another_account_is_not_there(siblings: Yuju, others: Yuju, base: str) -> None:
    file_id = add(siblings, base, c_type=1, content=HERONS)["file_id"]
    update = {"repo_id": base, "file_id": file_id, "file_url": "http://127.0.0.1:9/x"}

    assert others.refusal("GET", "kbs/file/list", kbs=base) == NOT_THERE
    assert others.refusal("GET", "kbs-content", kbs=base, key_world="苍鹭") == NOT_THERE
    assert others.refusal("POST", f"kbs-add-content/{base}", json={"c_type": 1, "content": STORKS}) == NOT_THERE
    assert others.refusal("PUT", "kbs-update-content", json=update) == NOT_THERE
    assert siblings.refusal("PUT", "kbs-update-content", json={**update, "file_id": "doc_0"}) == (
        404,
        "document not found",
    )
    assert [one["file_id"] for one in files(siblings, base)["list"]] == [file_id]


BAD_ADDITIONS: list[tuple[Any, str]] = [
    ({"content": "x"}, "c_type is required"),
    ({"c_type": True, "content": "x"}, "c_type: must be a string or a whole number."),
    ({"c_type": 1.5, "content": "x"}, "c_type: must be a string or a whole number."),
    ({"c_type": 2, "content": "x"}, "c_type must be 1 (a text) or 3 (a file at a URL)"),
    ({"c_type": 10**30, "content": "x"}, "c_type: must be a string or a whole number."),
    ({"c_type": 1}, "content is required: the text"),
    ({"c_type": 1, "content": " \n"}, "content is required: the text"),
    ({"c_type": 1, "content": ["x"]}, "content: must be a string."),
    ({"c_type": 1, "content": "x", "title": "x" * 301}, "title: must have at most 300 characters."),
    ({"c_type": 3}, "file_url is required"),
    ({"c_type": 3, "file_url": "ftp://example.com/x"}, "file_url"),
    ({"c_type": 3, "file_url": "http://10.0.0.1/x"}, "file_url"),
    ([], "The request body must be a JSON object."),
]


@pytest.fixture(scope="module")
def refusing(other_api: Api) -> str:
    """A base that has nothing, and gets nothing: of the account of `others`."""
    return knowledge.make_base(other_api)


@pytest.mark.parametrize(("body", "words"), BAD_ADDITIONS, ids=[words for _, words in BAD_ADDITIONS])
def test_refuses_a_bad_addition(others: Yuju, refusing: str, body: Any, words: str) -> None:
    status, said = others.refusal("POST", f"kbs-add-content/{refusing}", json=body)

    assert (status, said[: len(words)]) == (400, words)
    assert files(others, refusing) == {"list": [], "total": 0, "page": 1, "page_size": 20}


RAW: list[bytes] = [
    b'{"c_type": 1, "content": "a\\u0000b"}',
    b'{"c_type": 1, "content": "\\ud800"}',
    b'{"c_type": NaN, "content": "a"}',
    b'{"c_type": 1, "content": "\xff"}',
    b"[" * 100_000,
    b"",
]


@pytest.mark.parametrize("body", RAW, ids=[str(body[:32]) for body in RAW])
def test_refuses_bytes_that_cannot_be_stored(others: Yuju, refusing: str, body: bytes) -> None:
    for method, tail in (("POST", f"kbs-add-content/{refusing}"), ("PUT", "kbs-update-content")):
        url = f"{others.base_url}/v1/openapi/{tail}"
        response = requests.request(method, url, params={"apiKey": others.key}, data=body, timeout=60)

        assert (response.status_code, response.json()["Code"]) in {(400, 400), (413, 413)}
    assert files(others, refusing)["total"] == 0


BAD_QUERIES: list[tuple[str, dict[str, str], str]] = [
    ("kbs/file/list", {}, "kbs is required"),
    ("kbs/file/list", {"page": "0"}, "page must be a whole number from 1 to 10000"),
    ("kbs/file/list", {"page": "１"}, "page must be a whole number from 1 to 10000"),
    ("kbs/file/list", {"page_size": "101"}, "page_size must be a whole number from 1 to 100"),
    ("kbs/file/list", {"page": "9" * 5_000}, "page must be a whole number from 1 to 10000"),
    ("kbs-content", {"key_world": "x"}, "kbs is required"),
    ("kbs-content", {"key_world": "x", "count": "51"}, "count must be a whole number from 1 to 50"),
    ("kbs-content", {"key_world": "x", "count": "nan"}, "count must be a whole number from 1 to 50"),
    ("kbs-content", {}, "key_world is required"),
    ("kbs-content", {"key_world": "x" * 4_001}, "key_world must have at most 4000 characters."),
    ("kbs-list", {"name": "x\x00"}, "The query contains a NUL character."),
    ("kbs-list", {"name": "x" * 201}, "name must have at most 200 characters."),
]


@pytest.mark.parametrize(("tail", "query", "words"), BAD_QUERIES, ids=[words for *_, words in BAD_QUERIES])
def test_refuses_a_bad_query(others: Yuju, tail: str, query: dict[str, str], words: str) -> None:
    named = {"kbs": "kb_0", **query} if words != "kbs is required" else query

    assert others.refusal("GET", tail, **named) == (400, words)


@pytest.mark.parametrize(
    "tail", ["kbs-list", "kbs-content", "kbs/file/list", "kbs-update-content", "kbs-add-content/x"]
)
def test_needs_a_key_and_knows_its_methods(others: Yuju, tail: str) -> None:
    url = f"{others.base_url}/v1/openapi/{tail}"
    method = {"kbs-update-content": "PUT", "kbs-add-content/x": "POST"}.get(tail, "GET")

    without = requests.request(method, url, timeout=30)
    refused = requests.delete(url, params={"apiKey": others.key}, timeout=30)

    assert (without.status_code, without.json()["Code"], without.json()["Msg"][:4]) == (401, 401, "没有权限")
    assert (refused.status_code, refused.json()["Code"]) == (405, 405)
    assert method in refused.headers["Allow"]
