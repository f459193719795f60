"""Journey: browsers ask and read with client tokens, each in the name of its visitor and of nobody else."""

import requests

from tests.fakes.upstream import FakeUpstream
from tests.journeys.client_tokens.browsers import Browser, Customer, call, code_of
from tests.journeys.service import Service


def test_a_browser_asks_in_every_family(customer: Customer, helper: str) -> None:
    browser = customer.browser("访客一")

    answers = [
        browser.yuju("今天的日期", ibotID=helper),
        browser.aichat(helper, "今天的日期"),
        browser.openai(helper, "今天的日期"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200], [answer.text for answer in answers]
    assert answers[0].json()["visitorId"] == "访客一"
    assert answers[0].json()["desc"].endswith("今天的日期")
    assert answers[1].json()["answer"].endswith("今天的日期")
    assert answers[2].json()["choices"][0]["message"]["content"].endswith("今天的日期")


def test_a_minted_token_is_as_good_as_a_signed_one(customer: Customer, helper: str) -> None:
    body = {"visitor": "minted", "assistant": helper, "expires_in": 60, "requests_per_minute": 7}

    made = call(customer.api, "POST", "client_tokens", body, status=201)

    browser = Browser(customer.api.base_url, made["token"])
    assert (made["visitor"], made["assistant"], made["requests_per_minute"]) == ("minted", helper, 7)
    assert made["scopes"] == ["aichat", "openai", "yuju", "runs", "conversations"]
    answer = browser.yuju()
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-ratelimit-limit-requests"] == "7"


def test_a_visitor_has_one_thread_in_all_its_browsers(customer: Customer, helper: str) -> None:
    first = customer.browser("with-memory").yuju("one", ibotID=helper)
    again = customer.browser("with-memory").yuju("two", ibotID=helper)
    another = customer.browser("without-memory").yuju("three", ibotID=helper)

    assert first.headers["X-Conversation-Id"] == again.headers["X-Conversation-Id"]
    assert again.json()["desc"] == "[echo] Received 3 messages. The last question: two"
    assert another.headers["X-Conversation-Id"] != first.headers["X-Conversation-Id"]
    assert another.json()["desc"] == "[echo] Received 1 message. The last question: three"


def test_a_thread_goes_on_in_another_family(customer: Customer, helper: str) -> None:
    browser = customer.browser("of-two-families")
    thread = browser.yuju("one", ibotID=helper).headers["X-Conversation-Id"]

    answer = browser.aichat(helper, "two", id=thread)

    assert answer.status_code == 200, answer.text
    assert answer.json()["answer"] == "[echo] Received 3 messages. The last question: two"


def test_another_visitors_conversation_is_as_unknown_as_none(customer: Customer, helper: str) -> None:
    thread = customer.browser("owner").yuju("secret", ibotID=helper).headers["X-Conversation-Id"]
    of_key = customer.api.answer("secret", stateful=True, model="echo")["id"]
    stranger = customer.browser("stranger")

    def ask(conversation: str) -> list[requests.Response]:
        return [
            stranger.aichat(helper, id=conversation),
            stranger.openai(helper, headers={"X-Conversation-Id": conversation}),
            stranger.openai(helper, metadata={"conversation_id": conversation}),
        ]

    for conversation in (thread, of_key):
        shown = [(*code_of(answer), answer.json()["error"]["message"]) for answer in ask(conversation)]
        unknown = [(*code_of(answer), answer.json()["error"]["message"]) for answer in ask("nobody-has-this")]
        assert shown == unknown
        assert {status for status, *_ in shown} == {404}


def test_a_new_conversation_becomes_the_visitors(customer: Customer, helper: str) -> None:
    browser = customer.browser("begins-one")
    begun = browser.aichat(helper, "one", stateful=True)
    conversation = begun.json()["id"]

    own = browser.aichat(helper, "two", id=conversation)
    others = customer.browser("another").aichat(helper, "two", id=conversation)

    assert own.json()["answer"] == "[echo] Received 3 messages. The last question: two"
    assert code_of(others)[0] == 404


def test_a_browser_reads_resumes_and_cancels_its_own_runs_alone(customer: Customer, helper: str) -> None:
    browser, stranger = customer.browser("reader"), customer.browser("not-the-reader")
    run = browser.yuju("read me", ibotID=helper).headers["X-Run-Id"]

    shown, resumed = browser.run(run), browser.run(run, stream=True)

    assert (shown.status_code, shown.json()["status"]) == (200, "completed")
    assert resumed.status_code == 200
    assert b"read" in resumed.content
    assert browser.request("POST", f"/api/v1/runs/{run}/cancel").json()["status"] == "completed"
    for refused in (
        stranger.run(run),
        stranger.run(run, stream=True),
        stranger.request("POST", f"/api/v1/runs/{run}/cancel"),
    ):
        assert code_of(refused)[0] == 404
    assert code_of(stranger.run(run))[1] == code_of(stranger.run("run_0"))[1]


def test_a_token_for_one_assistant_asks_that_one(customer: Customer, helper: str) -> None:
    other = customer.assistant(name="Other")
    visitor = customer.browser("of-one")
    thread = visitor.aichat(other, stateful=True).json()["id"]
    run = visitor.aichat(other, stateful=True).headers["X-Run-Id"]
    browser = customer.browser("of-one", assistant=helper)

    assert browser.yuju().status_code == browser.yuju(ibotID=helper).status_code == 200
    assert customer.api.answer("Hi", model=f"assistant:{helper}")["answer"] == browser.aichat(helper).json()["answer"]
    refused = [browser.yuju(ibotID=other), browser.aichat(other), browser.openai(other)]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert code_of(browser.aichat(helper, id=thread))[0] == 404
    assert code_of(browser.run(run))[0] == 404


def test_an_assistant_that_requires_a_token_answers_its_holder(customer: Customer) -> None:
    careful = customer.assistant(requires_token=True)
    key = Browser(customer.api.base_url, customer.api.key)

    assert key.yuju(ibotID=careful, visitorId="v1").status_code == 403
    assert customer.browser("v1").yuju(ibotID=careful).status_code == 200
    assert customer.browser("v1").yuju(ibotID=careful, visitorId="v1").status_code == 200
    assert customer.browser("v2").yuju(ibotID=careful, visitorId="v1").status_code == 403


def test_the_account_pays_for_its_visitors(service: Service, upstream: FakeUpstream) -> None:
    customer = Customer.new(service, "--calls", "2")
    paid = customer.assistant(model="gpt-4o-mini", prompt="You are brief.")
    browser = customer.browser("paid-for")

    answers = [browser.yuju(ibotID=paid), browser.aichat(paid), browser.openai(paid)]

    assert [answer.status_code for answer in answers[:2]] == [200, 200], [answer.text for answer in answers]
    assert answers[2].status_code in (402, 403, 429), answers[2].text
    assert len(upstream.requests) == 2
    assert upstream.requests[0].body["messages"][0] == {"role": "system", "content": "You are brief."}


def test_two_visitors_may_choose_the_same_idempotency_key(customer: Customer, helper: str) -> None:
    headers = {"Idempotency-Key": "1"}
    first, again = (customer.browser("one").openai(helper, headers=headers) for _ in range(2))
    second = customer.browser("two").openai(helper, headers=headers)
    otherwise = customer.browser("three").openai(helper, "Something else", headers=headers)

    assert again.headers["X-Run-Id"] == first.headers["X-Run-Id"]
    assert (second.status_code, otherwise.status_code) == (200, 200)
    assert len({first.headers["X-Run-Id"], second.headers["X-Run-Id"], otherwise.headers["X-Run-Id"]}) == 3
