"""Journey: an owner reads runs, one by one and page by page."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.fakes.replies import Json, fails, says, tokens
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import MODEL, NDJSON, Api, new_id, refusal
from tests.waiting import eventually

FIELDS = {
    "id",
    "object",
    "status",
    "conversation",
    "dialect",
    "model",
    "attempt",
    "created_at",
    "claimed_at",
    "first_token_at",
    "finished_at",
    "cancel_requested_at",
    "usage",
    "incomplete_reason",
    "error",
}
UNKNOWN = "run_00000000000000000000"


def get(api: Api, tail: str = "", **query: Any) -> requests.Response:
    return requests.get(f"{api.base_url}/api/v1/runs{tail}", headers=api.headers, params=query, timeout=30)


def shown(api: Api, run_id: str) -> Json:
    response = get(api, f"/{run_id}")
    assert response.status_code == 200, response.text
    return dict(response.json())


def listed(api: Api, **query: Any) -> list[Json]:
    response = get(api, **query)
    assert response.status_code == 200, response.text
    assert response.json().keys() == {"results", "next"}
    return list(response.json()["results"])


def at(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_a_finished_run_shows_its_times_and_usage(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hello", usage=tokens(11, 22)))
    response = api.ask("Hello", id=thread)

    run = shown(api, response.headers["X-Run-Id"])

    assert run.keys() == FIELDS
    times = [at(run[name]) for name in ("created_at", "claimed_at", "first_token_at", "finished_at")]
    assert times == sorted(times)
    # All times are of one clock and in one time zone.
    assert times[-1] - times[0] < timedelta(minutes=10)
    assert run["id"] == response.headers["X-Run-Id"]
    assert (run["object"], run["status"], run["attempt"]) == ("run", "completed", 1)
    assert (run["conversation"], run["dialect"], run["model"]) == (thread, "aichat", MODEL)
    assert run["usage"] == {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33, "source": "reported"}
    assert (run["error"], run["cancel_requested_at"]) == (None, None)


def test_a_run_in_progress_has_no_end_yet(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("Hel", "lo").stalled_after(2))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(api.lines, "1", id=thread)
        upstream.wait_for_requests(1)
        second = threads.submit(api.answer, "2", id=thread)
        waiting, running = eventually(lambda: listed(api, conversation=thread), lambda runs: len(runs) == 2)
        upstream.release()
        first.result()
        second.result()

    assert (running["status"], running["attempt"], running["finished_at"], running["usage"]) == (
        "in_progress",
        1,
        None,
        None,
    )
    assert (waiting["status"], waiting["attempt"], waiting["claimed_at"]) == ("queued", 0, None)


def test_a_failed_run_has_the_error_that_its_caller_got(api: Api, upstream: FakeUpstream) -> None:
    upstream.script(*[fails(400, "Forbidden words")] * 2, says("Hel", "lo").apart().cut_after(3))
    refused = api.ask("Hello", id=new_id())
    streamed = api.ask("Hello", accept=NDJSON)
    broken = api.ask("Hello", accept=NDJSON)

    runs = [shown(api, response.headers["X-Run-Id"]) for response in (refused, streamed, broken)]

    _, code, message = refusal(refused)
    assert [run["status"] for run in runs] == ["failed"] * 3
    assert [run["error"] for run in runs[:2]] == [{"code": code, "message": message}] * 2
    assert code == "bad_request"
    assert runs[2]["error"] == {"code": "chat_error", "message": "The model failed to answer."}
    assert (runs[0]["usage"], runs[0]["first_token_at"]) == (None, None)


def test_an_unstored_run_has_no_conversation(api: Api) -> None:
    response = api.ask("Hello", stateful=False)

    run = shown(api, response.headers["X-Run-Id"])

    assert (run["status"], run["conversation"]) == ("completed", None)
    assert listed(api, limit=1) == [run]


@pytest.mark.parametrize("tail", ["", "/cancel", "/stream"])
def test_other_accounts_runs_do_not_exist(api: Api, other_api: Api, tail: str) -> None:
    run_id = api.ask("Hello", id=new_id()).headers["X-Run-Id"]
    method = "POST" if tail == "/cancel" else "GET"

    def ask(by: Api, asked: str) -> tuple[int, str, str]:
        return refusal(
            requests.request(method, f"{by.base_url}/api/v1/runs/{asked}{tail}", headers=by.headers, timeout=30)
        )

    assert ask(other_api, run_id) == ask(other_api, UNKNOWN) == ask(api, UNKNOWN) == (404, "not_found", "run not found")


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("GET", f"/{UNKNOWN}"), ("POST", f"/{UNKNOWN}/cancel"), ("GET", f"/{UNKNOWN}/stream")],
)
def test_a_request_without_a_valid_key_is_refused(api: Api, method: str, tail: str) -> None:
    url = f"{api.base_url}/api/v1/runs{tail}"

    none = requests.request(method, url, timeout=30)
    wrong = requests.request(method, url, headers={"Authorization": "Bearer sk-wrong"}, timeout=30)

    assert refusal(none)[:2] == (400, "no_token")
    assert refusal(wrong)[:2] == (401, "invalid_token")


@pytest.mark.parametrize(
    ("method", "tail", "allowed"),
    [
        ("POST", "", "GET"),
        ("DELETE", f"/{UNKNOWN}", "GET"),
        ("GET", f"/{UNKNOWN}/cancel", "POST"),
        ("POST", f"/{UNKNOWN}/stream", "GET"),
    ],
)
def test_a_wrong_method_is_refused(api: Api, method: str, tail: str, allowed: str) -> None:
    response = requests.request(method, f"{api.base_url}/api/v1/runs{tail}", headers=api.headers, timeout=30)

    assert refusal(response)[:2] == (405, "no_api")
    assert allowed in response.headers["Allow"].split(", ")


def test_paging_shows_every_run_once_newest_first(api: Api, other_api: Api) -> None:
    """Also while new runs are added, which belong before the first page."""
    thread = new_id()
    asked = [api.ask(str(number), id=thread).headers["X-Run-Id"] for number in range(7)]
    other_api.answer("Not yours", id=thread)

    pages = [get(api, conversation=thread, limit=3).json()]
    api.answer("Later", id=thread)
    while pages[-1]["next"]:
        pages.append(requests.get(pages[-1]["next"], headers=api.headers, timeout=30).json())

    assert [[run["id"] for run in page["results"]] for page in pages] == [asked[:3:-1], asked[3:0:-1], asked[:1]]
    assert {run["conversation"] for page in pages for run in page["results"]} == {thread}


def test_a_last_page_that_is_full_has_no_next(api: Api) -> None:
    thread = new_id()
    for number in range(2):
        api.answer(str(number), id=thread)

    page = get(api, conversation=thread, limit=2).json()

    assert (len(page["results"]), page["next"]) == (2, None)


def test_runs_are_found_by_status_and_conversation(api: Api, upstream: FakeUpstream) -> None:
    thread = new_id()
    upstream.script(says("One"), fails(400), says("Three"))
    asked = [api.ask(str(number), id=thread).headers["X-Run-Id"] for number in range(3)]

    found = {
        status: [run["id"] for run in listed(api, conversation=thread, status=status)]
        for status in ("completed", "failed", "cancelled", "queued", "in_progress", "incomplete")
    }

    assert found.pop("completed") == [asked[2], asked[0]]
    assert found.pop("failed") == [asked[1]]
    assert set(map(tuple, found.values())) == {()}
    assert listed(api, conversation="unheard-of") == []


def test_an_account_lists_only_its_own_runs(api: Api, other_api: Api) -> None:
    mine, theirs = api.ask("Hello").headers["X-Run-Id"], other_api.ask("Hello").headers["X-Run-Id"]

    seen = {account: {run["id"] for run in listed(by, limit=100)} for account, by in (("me", api), ("you", other_api))}

    assert mine in seen["me"] - seen["you"]
    assert theirs in seen["you"] - seen["me"]
    assert not seen["me"] & seen["you"]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"status": ""},
        *({"limit": limit} for limit in ("0", "101", "-1", "x", "", "1.5", "٣", "9" * 30)),
        {"cursor": UNKNOWN},
        {"cursor": ""},
    ],
    ids=str,
)
def test_a_bad_query_is_refused(api: Api, query: dict[str, str]) -> None:
    response = get(api, **query)

    assert refusal(response)[:2] == (400, "bad_request")
    assert next(iter(query)) in response.json()["error"]["message"]


def test_a_cursor_of_another_account_is_refused(api: Api, other_api: Api) -> None:
    theirs = other_api.ask("Hello").headers["X-Run-Id"]

    assert refusal(get(api, cursor=theirs))[:2] == (400, "bad_request")


@pytest.mark.parametrize("odd", ["💥", "x" * 2000, "' OR 1=1 --"])
def test_odd_ids_are_not_found(api: Api, odd: str) -> None:
    by_id = get(api, f"/{quote(odd, safe='')}")

    assert refusal(by_id)[:2] == (404, "not_found")
    assert refusal(get(api, cursor=odd))[:2] == (400, "bad_request")
    assert listed(api, conversation=odd) == []
