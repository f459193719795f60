"""The image and the stores, made once."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from project.embedded import paths
from tests.fakes.upstream import FakeUpstream
from tests.image.build import Builder, Image
from tests.image.container import Container
from tests.image.servers import Servers
from tests.journeys.conftest import VENDOR_KEY, upstream, vendor
from tests.journeys.service import free_port

__all__ = ["upstream", "vendor"]

KEY = "sk-given-by-the-operator"


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    # Not pytest's own folder, which it keeps: this is more than a gigabyte.
    with tempfile.TemporaryDirectory(prefix="parley-image-") as folder:
        yield Builder(Path(folder)).build()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="parley-image-") as folder, Servers(Path(folder)) as running:
        with psycopg.connect(running.database_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {paths.DATABASE_NAME}")
        yield running


@pytest.fixture(scope="session")
def settings(servers: Servers, vendor: FakeUpstream) -> dict[str, str]:
    """As an operator gives them: no more than the documentation asks for, and a vendor."""
    return {
        "SECRET_KEY": "a-secret-that-guards-nothing-at-all",
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "PARLEY_API_KEY": KEY,
        "PORT": str(free_port()),
        "WORKER_PROCESSES": "1",
        "OPENAI_API_KEY": VENDOR_KEY,
        "OPENAI_BASE_URL": vendor.base_url,
    }


@pytest.fixture(scope="session")
def migrated(image: Image, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the image's own migration of the empty database said."""
    log = tmp_path_factory.mktemp("migration") / "log"
    with Container(image, env=settings, log=log, command=("migrate", "--no-input")) as container:
        assert container.wait() == 0, container.log
    return container.log


def curl(*args: str) -> str:
    return subprocess.run(["curl", "--silent", "--fail", *args], capture_output=True, text=True, check=True).stdout
