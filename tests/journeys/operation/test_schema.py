"""Journey: the service does what the OpenAPI document says, whatever is sent to it."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests
import schemathesis
from drf_spectacular.generators import EndpointEnumerator
from hypothesis import HealthCheck, settings
from schemathesis import Case, checks

from conversations.views.schema import document
from tests.fakes.upstream import FakeUpstream
from tests.journeys.clients.aichat import Api
from tests.journeys.service import Service

EXAMPLES = 20
# Whether a valid body is answered depends on more than its form: on models, conversations and runs.
# A missing key is 400 at /aichat (docs/contract A.8); test_access.py tests it in every family.
EXCLUDED_CHECKS = [checks.positive_data_acceptance, checks.ignored_auth, checks.missing_required_header]

# The service ignores unknown query parameters. A text that is longer than it may be is also more than a body may have.
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {"allow-extra-parameters": False},
        "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
    }
)

schema = schemathesis.openapi.from_path(document.PATH, config=CONFIG)


def test_serves_the_committed_document(api: Api) -> None:
    response = requests.get(f"{api.base_url}/api/schema", timeout=10)

    assert response.status_code == 200
    assert response.headers["content-type"] == document.CONTENT_TYPE
    assert response.content == document.PATH.read_bytes()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in orjson.loads(document.PATH.read_bytes())["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_the_document_has_every_route() -> None:
    written = {(method, path) for method, path, _ in operations()}
    endpoints = EndpointEnumerator().get_api_endpoints()  # type: ignore[no-untyped-call] # the library's
    routed = {(method, path.rstrip("/")) for path, _, method, _ in endpoints}

    # drf-spectacular does not list these: they are plain functions, or have no schema.
    assert written - routed == {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/api/schema")}
    assert routed - written == set()


def test_every_operation_is_described() -> None:
    """The library would guess at an operation that no package `schema` describes."""
    assert [(method, path) for method, path, operation in operations() if not operation.get("summary")] == []


def test_bodies_are_json_and_nothing_else_but_an_upload() -> None:
    bodies = {
        (method, path): operation["requestBody"]["content"]
        for method, path, operation in operations()
        if "requestBody" in operation
    }
    documents = bodies.pop(("POST", "/api/v1/knowledge/{base_id}/documents"))

    assert bodies
    assert {content_type for content in bodies.values() for content_type in content} == {"application/json"}
    assert documents.keys() == {"application/json", "multipart/form-data"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/schema"])
def test_a_route_without_a_key_can_only_be_read(api: Api, path: str) -> None:
    refused = requests.post(api.base_url + path, timeout=10)

    assert requests.get(api.base_url + path, timeout=10).status_code == 200
    assert requests.head(api.base_url + path, timeout=10).status_code == 200
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.fixture(scope="module")
def fuzzed(service: Service) -> Api:
    """Of an account of its own: what is sent may well change its default assistant."""
    return Api(service.base_url, service.create_key("fuzzed"))


@pytest.mark.timeout(300)
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_answers_as_the_document_says(case: Case[Any], fuzzed: Api, upstream: FakeUpstream) -> None:
    case.call_and_validate(
        base_url=fuzzed.base_url, headers={"Authorization": f"Bearer {fuzzed.key}"}, excluded_checks=EXCLUDED_CHECKS
    )
