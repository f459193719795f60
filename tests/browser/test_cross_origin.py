"""Pages of a customer's site call the service: with a key, with a client token, by OpenAI's SDK, and by EventSource."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.site import Site
from tests.journeys.client_tokens.browsers import Customer
from tests.journeys.service import Service

# What a page can see of an answer: its status, headers and text; "refused" where the browser shows it nothing.
FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text()};
  } catch (error) {
    return "refused";
  }
}"""
# Text of the pieces of a stream, or what the SDK makes of a refusal.
SDK = """async ([baseURL, apiKey, model]) => {
  const { default: OpenAI } = await import("/index.mjs");
  const openai = new OpenAI({ baseURL, apiKey, dangerouslyAllowBrowser: true, maxRetries: 0 });
  const asked = { model, messages: [{ role: "user", content: "Hi" }] };
  try {
    const whole = await openai.chat.completions.create(asked);
    let text = "";
    for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? "";
    }
    return [whole.choices[0].message.content, text, typeof whole._request_id];
  } catch (error) {
    return [error.constructor.name, error.status, error.code];
  }
}"""
EVENTS = """(url) => new Promise((resolve, reject) => {
  const events = new EventSource(url);
  const data = [];
  events.onmessage = (event) => {
    data.push(event.data);
    if (event.data === "[DONE]") { events.close(); resolve(data); }
  };
  events.onerror = () => { events.close(); resolve([...data, "refused"]); };
})"""
ANSWER = "[echo] Received 1 message. The last question: Hi"


def fetch(page: Page, url: str, token: str, *, body: str | None = None, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **more.pop("headers", {})}
    options = {"method": "POST" if body else "GET", "headers": headers, **({"body": body} if body else {}), **more}
    return page.evaluate(FETCH, [url, options])


def ask(page: Page, service: Service, token: str, *, model: str = "echo", **more: Any) -> Any:
    body = f'{{"model": "{model}", "question": "Hi", "stateful": true}}'
    return fetch(page, f"{service.base_url}/aichat/conversations", token, body=body, **more)


@pytest.fixture
def token(customer: Customer) -> str:
    return customer.sign()


@pytest.fixture(scope="module")
def model(customer: Customer) -> str:
    return f"assistant:{customer.assistant(name='Helper')}"


def test_a_page_asks_with_a_key_and_reads_all_that_is_for_it(page: Page, site: Site, service: Service) -> None:
    page.goto(site.origin)

    answer = ask(page, service, service.api_key, headers={"Idempotency-Key": "one", "X-On-Busy": "queue"})

    assert answer["status"] == 200
    assert ANSWER in answer["text"]
    assert answer["headers"]["x-run-id"].startswith("run_")
    assert answer["headers"]["x-conversation-id"]
    again = ask(page, service, service.api_key, headers={"Idempotency-Key": "one"})
    assert again["headers"]["idempotent-replayed"] == "true"


def test_a_page_of_another_origin_is_refused_by_its_browser(page: Page, site: Site, service: Service) -> None:
    page.goto(site.alias)

    assert ask(page, service, service.api_key) == "refused"
    # Without a preflight the question would be asked; what came of it stays hidden all the same.
    assert page.evaluate(FETCH, [f"{service.base_url}/healthz", {}]) == "refused"


def test_no_page_reads_the_admin_or_sends_cookies(page: Page, site: Site, service: Service) -> None:
    page.goto(site.origin)

    assert page.evaluate(FETCH, [f"{service.base_url}/admin/login/", {}]) == "refused"
    assert ask(page, service, service.api_key, credentials="include") == "refused"


def test_a_page_streams_with_a_client_token(page: Page, site: Site, service: Service, token: str, model: str) -> None:
    page.goto(site.origin)

    answer = ask(page, service, token, model=model, headers={"Accept": "text/event-stream"})

    assert answer["status"] == 200
    assert answer["text"].endswith("data: [DONE]\n\n")
    run = fetch(page, f"{service.base_url}/api/v1/runs/{answer['headers']['x-run-id']}", token)
    assert run["status"] == 200


def test_a_page_reads_that_its_token_has_expired(
    page: Page, site: Site, service: Service, customer: Customer, model: str
) -> None:
    page.goto(site.origin)

    refused = ask(page, service, customer.sign(iat=1, exp=2), model=model)

    assert refused["status"] == 401
    assert '"token_expired"' in refused["text"]
    # With a new one it goes on.
    assert ask(page, service, customer.sign(), model=model)["status"] == 200


def test_a_run_is_picked_up_by_an_event_source(
    page: Page, site: Site, service: Service, token: str, model: str
) -> None:
    page.goto(site.origin)
    run_id = ask(page, service, token, model=model)["headers"]["x-run-id"]
    url = f"{service.base_url}/api/v1/runs/{run_id}/stream?access_token="

    events = page.evaluate(EVENTS, url + token)

    assert events[-1] == "[DONE]"
    assert any("Received 1 message" in one for one in events)
    assert page.evaluate(EVENTS, f"{url}eyJ..") == ["refused"]
    page.goto(site.alias)
    assert page.evaluate(EVENTS, url + token) == ["refused"]


def test_openais_sdk_works_in_a_page(page: Page, site: Site, service: Service, token: str, model: str) -> None:
    page.goto(site.origin)
    base_url = f"{service.base_url}/v1"

    assert page.evaluate(SDK, [base_url, service.api_key, "echo"]) == [ANSWER, ANSWER, "string"]
    assert page.evaluate(SDK, [base_url, token, model]) == [ANSWER, ANSWER, "string"]
    assert page.evaluate(SDK, [base_url, service.api_key, "nothing"]) == ["NotFoundError", 404, "model_not_found"]
    assert page.evaluate(SDK, [base_url, "sk-wrong", "echo"]) == ["AuthenticationError", 401, "invalid_api_key"]
