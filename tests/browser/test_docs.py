"""`/docs` in a browser: every family is tried with a pasted key, and nothing is asked of another origin."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.service import Service

TIMEOUT_MS = 60_000


@pytest.fixture
def docs(page: Page, service: Service) -> Iterator[Page]:
    """The page with all operations. Afterwards: no request left the origin, nothing was blocked and no script broke."""
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{service.base_url}/docs")
    expect(page.locator(".opblock-tag").first).to_be_visible(timeout=TIMEOUT_MS)
    yield page
    assert [url for url in asked if not url.startswith((f"{service.base_url}/", "data:"))] == []
    assert problems == []


def authorize(docs: Page, scheme: str, key: str) -> None:
    docs.locator(".auth-wrapper .btn.authorize").first.click()
    form = docs.locator(".auth-container", has=docs.get_by_text(scheme, exact=True))
    form.locator("input").fill(key)
    form.get_by_role("button", name="Apply").click()
    docs.locator(".btn-done").first.click()


def operation(docs: Page, tag: str, operation_id: str) -> Locator:
    docs.locator(f"#operations-tag-{tag}").click()
    opened = docs.locator(f"#operations-{tag}-{operation_id}")
    opened.locator(".opblock-summary-control").click()
    return opened


def execute(opened: Locator) -> tuple[str, str]:
    """The status and the body of what came of it."""
    opened.locator(".btn.execute").click()
    answer = opened.locator(".live-responses-table").first
    status = answer.locator("tbody .response-col_status").first
    expect(status).to_be_visible(timeout=TIMEOUT_MS)
    return status.inner_text().strip(), answer.locator(".response-col_description .highlight-code").first.inner_text()


@pytest.mark.parametrize(
    ("tag", "operation_id", "shown"),
    [
        ("aichat", "aichat_ask", "[echo] Received"),
        ("openai", "openai_chat", "chat.completion"),
        ("assistants", "assistants_create", "asst_"),
        ("runs", "runs_list", "results"),
    ],
)
def test_an_example_is_tried_with_a_pasted_key(
    docs: Page, service: Service, tag: str, operation_id: str, shown: str
) -> None:
    authorize(docs, "key", service.api_key)

    status, body = execute(operation(docs, tag, operation_id))

    assert status in ("200", "201")
    assert shown in body


def test_yujus_family_is_tried_with_its_key_in_the_query(docs: Page, service: Service) -> None:
    authorize(docs, "apiKey", service.api_key)
    opened = operation(docs, "yuju", "yuju_chat")

    status, body = execute(opened)

    assert status == "200"
    assert "[echo] Received" in body
    assert "?apiKey=sk-" in opened.locator(".request-url").inner_text()


def test_the_page_fits_a_phone(docs: Page) -> None:
    docs.set_viewport_size({"width": 360, "height": 740})
    opened = operation(docs, "openai", "openai_chat")
    expect(opened.locator(".btn.execute")).to_be_visible(timeout=TIMEOUT_MS)

    assert docs.evaluate("document.documentElement.scrollWidth") == 360


def test_a_key_is_gone_with_the_page(docs: Page, service: Service) -> None:
    authorize(docs, "key", service.api_key)

    kept = docs.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage), document.cookie]")

    assert kept == [""]
