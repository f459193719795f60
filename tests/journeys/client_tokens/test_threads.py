"""Journey: a visitor's browser lists, reads and renames its own conversations, and its account's key all of them."""

from typing import Any

import pytest
import requests

from tests.fakes.replies import Json
from tests.journeys.client_tokens.browsers import Browser, Customer, call, code_of
from tests.journeys.clients.aichat import TIMEOUT_SECONDS, new_id

LIST = "/api/v1/conversations"


@pytest.fixture
def visitor() -> str:
    return new_id()


@pytest.fixture
def browser(customer: Customer, visitor: str) -> Browser:
    return customer.browser(visitor, requests_per_minute=3_000)


def begin(browser: Browser, helper: str, question: str) -> str:
    answer = browser.aichat(helper, question, stateful=True)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def listed(browser: Browser, **query: Any) -> list[Json]:
    answer = browser.request("GET", LIST, params=query)
    assert answer.status_code == 200, answer.text
    rows: list[Json] = answer.json()["results"]
    return rows


def test_a_browser_lists_its_conversations(customer: Customer, helper: str, browser: Browser) -> None:
    first, second = (begin(browser, helper, question) for question in ("今天的日期", "Who are you?"))
    begin(customer.browser("somebody else"), helper, "Not yours")
    browser.aichat(helper, "again", id=first)

    rows = listed(browser)

    assert [row["id"] for row in rows] == [first, second]
    assert rows[0] == {
        "id": first,
        "object": "conversation",
        "title": "今天的日期",
        "preview": "[echo] Received 3 messages. The last question: again",
        "model": None,
        "head": rows[0]["head"],
        "message_count": 4,
        "assistant": helper,
        "visitor": rows[1]["visitor"],
        "thread": False,
        "archived": False,
        "created_at": rows[0]["created_at"],
        "updated_at": rows[0]["updated_at"],
    }
    assert listed(browser, assistant=helper) == rows
    assert listed(browser, assistant="asst_0") == []
    page = browser.request("GET", LIST, params={"limit": 1}).json()
    following = browser.request("GET", page["next"].removeprefix(browser.base_url)).json()
    assert [page["results"][0]["id"], following["results"][0]["id"], following["next"]] == [first, second, None]


def test_its_account_sees_more_of_it(customer: Customer, helper: str, browser: Browser) -> None:
    thread = begin(browser, helper, "Hello")
    shown = call(customer.api, "GET", f"conversations/{thread}")

    assert shown["model"] == "echo"
    of_visitor = call(customer.api, "GET", f"conversations?visitor={shown['visitor']}")["results"]
    assert of_visitor == [shown]
    answer, question = call(customer.api, "GET", f"conversations/{thread}/messages")["results"]
    assert answer["parts"] == [{"type": "text", "text": "[echo] Received 1 message. The last question: Hello"}]
    assert answer["run"].keys() == {"id", "status", "model", "usage", "cost"}
    assert (answer["parent"], answer["siblings"], shown["head"]) == (question["id"], 1, answer["id"])
    assert question["run"] == {**answer["run"], "usage": None, "cost": None}
    assert (answer["run"]["status"], answer["run"]["model"]) == ("completed", "echo")
    assert answer["run"]["usage"]["total_tokens"] > 0


def test_a_browser_reads_a_thread_back(helper: str, browser: Browser) -> None:
    thread = begin(browser, helper, "one")
    browser.aichat(helper, "two", id=thread)
    path = f"{LIST}/{thread}/messages"

    newest = browser.request("GET", path, params={"limit": 3}).json()
    oldest = browser.request("GET", newest["next"].removeprefix(browser.base_url)).json()

    rows = [*newest["results"], *oldest["results"]]
    assert [row["role"] for row in rows] == ["assistant", "user"] * 2
    assert [row["parts"][0]["text"] for row in rows][1::2] == ["two", "one"]
    assert [row["parent"] for row in rows] == [*(row["id"] for row in rows[1:]), None]
    assert {tuple(row["run"]) for row in rows} == {("id", "status")}
    run = browser.run(rows[0]["run"]["id"]).json()
    assert (run["status"], run["model"], run["usage"]) == ("completed", None, None)
    read = browser.request("GET", path, params={"order": "asc", "after": rows[-1]["id"]}).json()["results"]
    assert read == rows[-2::-1]


def test_a_conversation_is_renamed_by_who_has_seen_its_name(helper: str, browser: Browser) -> None:
    thread = begin(browser, helper, "Hello")
    path = f"{LIST}/{thread}"
    etag = browser.request("GET", path).headers["ETag"]

    def change(tag: str, **fields: Any) -> requests.Response:
        return browser.request("PATCH", path, body=fields, headers={"If-Match": tag})

    renamed = change(etag, title=" 新\n名 ")
    assert (renamed.status_code, renamed.json()["title"]) == (200, "新 名")
    browser.aichat(helper, "again", id=thread)
    assert browser.request("GET", path).headers["ETag"] == renamed.headers["ETag"] != etag
    for old in (etag, f"W/{renamed.headers['ETag']}", "nonsense", '"x"', '"1e3"', ""):
        assert code_of(change(old, title="late")) == (412, "precondition_failed")
    assert change(f'"77", {renamed.headers["ETag"]}', archived=True).json()["archived"] is True
    assert listed(browser) == []
    assert [row["title"] for row in listed(browser, archived="true")] == ["新 名"]
    assert change("*", title="", archived=False).json()["title"] == "Hello"


@pytest.mark.parametrize(
    "body", [{"title": 7}, {"title": "x" * 201}, {"title": "a\x00b"}, {"archived": "maybe"}, {"archived": 1}, []]
)
def test_bad_changes_are_refused(helper: str, browser: Browser, body: Any) -> None:
    thread = begin(browser, helper, "Hello")
    before = browser.request("GET", f"{LIST}/{thread}")

    assert code_of(browser.request("PATCH", f"{LIST}/{thread}", body=body)) == (400, "bad_request")

    assert browser.request("GET", f"{LIST}/{thread}").headers["ETag"] == before.headers["ETag"]


def test_what_is_not_its_own_is_not_there(customer: Customer, other: Customer, helper: str, browser: Browser) -> None:
    own = begin(browser, helper, "Hello")
    strangers = (
        customer.browser(new_id()),
        other.browser("v1"),
        Browser(browser.base_url, customer.sign(new_id(), assistant=customer.assistant())),
    )
    for stranger in strangers:
        for thread in (own, "nobody's"):
            assert code_of(stranger.request("GET", f"{LIST}/{thread}"))[0] == 404
            assert code_of(stranger.request("GET", f"{LIST}/{thread}/messages"))[0] == 404
            assert code_of(stranger.request("PATCH", f"{LIST}/{thread}", body={"title": "mine"}))[0] == 404
        assert listed(stranger) == []
    assert [row["title"] for row in listed(browser)] == ["Hello"]


def test_a_token_deletes_nothing_and_chooses_no_visitor(
    customer: Customer, helper: str, visitor: str, browser: Browser
) -> None:
    thread = begin(browser, helper, "Hello")
    of_one = Browser(browser.base_url, customer.sign(visitor, assistant=customer.assistant()))
    without = Browser(browser.base_url, customer.sign(visitor, scopes=["runs", "aichat"]))

    assert code_of(browser.request("DELETE", f"{LIST}/{thread}")) == (403, "forbidden")
    assert code_of(browser.request("GET", LIST, params={"visitor": "vis_1"})) == (403, "forbidden")
    assert code_of(of_one.request("GET", LIST, params={"assistant": helper})) == (403, "forbidden")
    assert code_of(without.request("GET", LIST)) == (403, "forbidden")
    assert code_of(without.request("GET", f"{LIST}/{thread}/messages")) == (403, "forbidden")
    assert [row["id"] for row in listed(browser)] == [thread]


def test_a_link_to_the_next_page_has_no_token(helper: str, browser: Browser) -> None:
    for question in ("one", "two"):
        begin(browser, helper, question)

    query = {"access_token": browser.token, "limit": "1"}
    page = requests.get(browser.base_url + LIST, params=query, timeout=TIMEOUT_SECONDS).json()

    assert "access_token" not in page["next"]
    assert browser.token not in page["next"]
