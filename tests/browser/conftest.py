"""A browser, a customer's site, and a service that lets the site's pages in."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.site import Site
from tests.conformance.sdks import NODE
from tests.journeys.client_tokens.browsers import Customer
from tests.journeys.service import Service

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
SDK = NODE / "node_modules" / "openai"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(__file__.removesuffix("conftest.py")):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    assert SDK.exists(), "OpenAI's SDK for Node is not here: make browser fetches it"
    with Site(SDK) as running:
        yield running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Service]:
    env = {"CORS_ORIGINS": site.origin}
    with Service(data_dir=tmp_path_factory.mktemp("service") / "var", env=env) as running:
        yield running


@pytest.fixture(scope="session")
def customer(service: Service) -> Customer:
    return Customer.new(service)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    assert path, "No Chromium is here: it is Debian's package chromium"
    with sync_playwright() as playwright:
        # Its sandbox needs a user that is not root, or rights that containers do not have.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab of a browser of its own, without anything kept."""
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
