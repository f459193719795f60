"""What the image's HEALTHCHECK says of web, by HTTP, and of the other roles, by their leases."""

import http.server
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import OperationalError

from conversations.models import Worker
from conversations.models.runs.workers import LEASE_SECONDS
from conversations.services import workers
from project.supervisor import healthcheck

HERE = f"{socket.gethostname()}:1:abcd"


class Ready(http.server.BaseHTTPRequestHandler):
    """Answers as /readyz does."""

    status = 200

    def do_GET(self) -> None:
        body = b'{"failing": ["redis"]}' if self.status != 200 else b"{}"
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def web() -> Iterator[http.server.HTTPServer]:
    class Own(Ready):
        pass

    with http.server.HTTPServer(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(transactional_db: None) -> str:
    """The test database's, for a connection of its own."""
    given = conninfo_to_dict(settings.DATABASE_URL) | {"dbname": connection.settings_dict["NAME"]}
    return f"postgresql:///?{urlencode(given)}"


def check(monkeypatch: pytest.MonkeyPatch, **env: str) -> int:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return healthcheck.main()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_the_lease_is_that_of_the_workers() -> None:
    assert healthcheck.LEASE_SECONDS == LEASE_SECONDS


@pytest.mark.parametrize(("status", "expected"), [(200, (0, "ok")), (503, (1, '{"failing": ["redis"]}'))])
def test_web_is_what_readyz_says(
    web: http.server.HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    expected: tuple[int, str],
) -> None:
    web.RequestHandlerClass.status = status  # type: ignore[attr-defined]  # the fixture's own class

    code = check(monkeypatch, ROLES="web", HOST="0.0.0.0", PORT=str(web.server_port))

    assert (code, said(capsys)) == expected


def test_a_web_that_does_not_listen_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert check(monkeypatch, ROLES="web", HOST="127.0.0.1", PORT=str(port)) == 1
    assert said(capsys) == "web does not answer (ConnectionRefusedError)"


def test_other_roles_live_by_their_leases(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLES", "worker,upkeep")
    monkeypatch.setenv("DATABASE_URL", url)
    workers.register(name=HERE, queue="runs", threads=1)
    upkeep = Worker.objects.filter(pk=workers.register(name="other:1:ab", queue="erasures,upkeep", threads=1))
    # However slow this machine is, no lease lapses by itself.
    Worker.objects.update(heartbeat_at=Now() + timedelta(hours=1))
    assert (healthcheck.main(), said(capsys)) == (1, "not alive: upkeep")

    upkeep.update(name=f"{HERE}2")
    assert (healthcheck.main(), said(capsys)) == (0, "ok")

    upkeep.update(failing="monitor")
    assert (healthcheck.main(), said(capsys)) == (1, "not alive: upkeep")

    upkeep.update(failing="", heartbeat_at=Now() - timedelta(seconds=LEASE_SECONDS + 1))
    assert (healthcheck.main(), said(capsys)) == (1, "not alive: upkeep")


def test_a_database_that_is_away_is_named_without_its_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = "postgresql://me:hunter2@127.0.0.1:1/parley"

    assert check(monkeypatch, ROLES="worker", DATABASE_URL=away) == 1
    assert said(capsys) == f"the database does not answer ({OperationalError.__name__})"
