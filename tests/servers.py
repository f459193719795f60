"""A pytest plugin: a private PostgreSQL and Valkey for this run, chosen before Django reads its settings.

It has to be named on the command line (`-p tests.servers`, see pyproject.toml): a conftest would come too late.
"""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

# Names the process that started the servers: what it starts inherits it. Each worker of pytest-xdist has servers of its
# own, because tests empty them and count what is in them.
MARK = "PARLEY_TEST_SERVERS"
ENVIRONMENT = Path(__file__).resolve().parent.parent / "project" / "environment"
MAX_CONNECTIONS = 100
VALKEY_MAX_MEMORY = 1_000_000_000
_RUNNING = pytest.StashKey[contextlib.ExitStack]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    process = os.environ.get("PYTEST_XDIST_WORKER", "main")
    if os.environ.get(MARK) == process:
        return
    stack = contextlib.ExitStack()
    early_config.stash[_RUNNING] = stack
    early_config.add_cleanup(stack.close)
    data_dir = Path(tempfile.mkdtemp(prefix="parley-test-"))
    stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
    _clear_settings()
    os.environ |= {
        MARK: process,
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": "a-secret-that-guards-nothing-at-all",
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", ""),
        "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
    }
    _start_missing(stack, data_dir=data_dir)


def setting_names() -> list[str]:
    """The names in the settings' tables. These are read as text, because importing one would read the settings too
    early.
    """
    found: list[str] = []
    for table in ENVIRONMENT.glob("*.py"):
        text = table.read_text()
        found += re.findall(r'^    (?:Setting|_quota|_keep)\(\s*"([A-Z_]+)"', text, re.MULTILINE)
    return found


def _clear_settings() -> None:
    """No test uses a real key, database or vendor that the shell it is started from has set."""
    for name in setting_names():
        os.environ.pop(name, None)


def _start_missing(stack: contextlib.ExitStack, *, data_dir: Path) -> None:
    """Start the servers that no URL was given for, where the settings look for them in that case."""
    from project.embedded import paths, stores  # noqa: PLC0415 - the environment must be right before any such import

    wanted: list[stores.Store] = []
    if not os.environ["DATABASE_URL"]:
        wanted.append(stores.postgres(data_dir=data_dir, max_connections=MAX_CONNECTIONS, is_durable=False))
        os.environ["DATABASE_URL"] = paths.database_url(data_dir)
    if not os.environ["REDIS_URL"]:
        wanted.append(stores.valkey(data_dir=data_dir, max_memory=VALKEY_MAX_MEMORY, is_durable=False))
        os.environ["REDIS_URL"] = paths.redis_url(data_dir)
    stack.enter_context(stores.running(wanted, log=data_dir / "servers.log"))
