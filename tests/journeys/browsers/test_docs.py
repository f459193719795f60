"""Journey: the page `/docs` and what it shows. That it works in a browser: tests/browser."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests

from conversations.views.schema import document
from tests.journeys.client_tokens.browsers import Customer
from tests.journeys.service import Service

TIMEOUT_SECONDS = 30
FAMILIES = {"aichat", "openai", "yuju", "assistants", "client tokens", "knowledge", "visitors", "webhooks"}
DOCUMENT = orjson.loads(document.PATH.read_bytes())


def bodies() -> Iterator[tuple[str, str, Any]]:
    """Every example of a body that is sent to a path without an id, with the tag of its operation."""
    for path, item in DOCUMENT["paths"].items():
        body = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in body.get("examples", {}).values():
            if "{" not in path:
                # Where tests run, names need not be found.
                sent = orjson.dumps(example["value"]).replace(b"https://example.com", b"https://127.0.0.1")
                yield item["post"]["tags"][0], path, orjson.loads(sent)


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_page_may_load_nothing_from_elsewhere(service: Service, path: str) -> None:
    response = requests.get(service.base_url + path, timeout=TIMEOUT_SECONDS)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert (response.headers["X-Content-Type-Options"], response.headers["Referrer-Policy"]) == (
        "nosniff",
        "no-referrer",
    )


def test_every_family_is_shown_with_an_example() -> None:
    assert {tag for tag, _, _ in bodies()} >= FAMILIES


def test_each_example_works_as_it_stands(service: Service) -> None:
    customer = Customer.new(service)
    headers = {"Authorization": f"Bearer {customer.api.key}"}

    answers = {
        path: requests.post(service.base_url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        for _, path, body in bodies()
    }

    assert {path: answer.text for path, answer in answers.items() if not answer.ok} == {}
