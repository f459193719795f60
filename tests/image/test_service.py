"""A container of the image serves, says how it is, and ends in order."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import requests

from tests.fakes.replies import says
from tests.fakes.upstream import FakeUpstream
from tests.image.build import Image
from tests.image.conftest import KEY, curl
from tests.image.container import Container
from tests.image.servers import Servers
from tests.journeys import processes
from tests.journeys.clients.aichat import SSE, Api, new_id
from tests.journeys.clients.streams import blocks, text
from tests.waiting import eventually

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

ROLES = ("web", "worker", "upkeep", "knowledge")
USER = 10001
# Only a broken service takes so long.
LONG_DRAIN_SECONDS = 100


def url(settings: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{settings['PORT']}"


def bearer() -> str:
    return f"Authorization: Bearer {KEY}"


@pytest.fixture(scope="module")
def container(
    image: Image, settings: dict[str, str], migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    assert migrated
    with Container(image, env=settings, log=tmp_path_factory.mktemp("container") / "log") as running:
        running.wait_until_healthy()
        yield running


def test_the_image_migrates_an_empty_database(migrated: str, servers: Servers) -> None:
    assert "Applying conversations.0001_" in migrated
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SELECT count(*) > 20 FROM django_migrations").fetchone() == (True,)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_does_not_start_without(image: Image, settings: dict[str, str], tmp_path: Path, missing: str) -> None:
    with Container(image, env=settings | {missing: ""}, log=tmp_path / "log") as container:
        assert container.wait() == 64

    assert container.log == f"Parley cannot start: {missing} is not set; see docs/container.md\n"


def test_answers_curl_as_json_and_as_a_stream(container: Container, settings: dict[str, str]) -> None:
    ask = ["--header", bearer(), "--header", "Content-Type: application/json"]
    body = json.dumps({"model": "echo", "question": "Hello, container"})

    whole = curl(*ask, "--data", body, f"{url(settings)}/aichat/conversations")
    stream = curl(
        *ask, "--header", "Accept: text/event-stream", "--data", body, f"{url(settings)}/aichat/conversations"
    )

    assert json.loads(whole)["answer"].endswith("Hello, container")
    assert stream.startswith(("data: ", "id: ", ":"))
    assert "[DONE]" in stream


def test_serves_the_admins_static_files(container: Container, settings: dict[str, str]) -> None:
    page = curl(f"{url(settings)}/admin/login/")

    assert "/static/unfold/" in page
    assert "<svg" in curl(f"{url(settings)}/static/conversations/favicon.svg")


def test_every_role_runs_and_none_is_root(container: Container) -> None:
    found = processes.descendants(container.first_process)

    assert {process.role for process in found} >= set(ROLES)
    assert {os.stat(f"/proc/{process.pid}").st_uid for process in found} == {USER}
    assert os.stat(f"/proc/{container.first_process}").st_uid == USER
    assert container.exec("touch", "/opt/parley/new").returncode != 0
    assert "No new privileges" not in container.log


def test_commands_run_beside_the_service(container: Container, settings: dict[str, str]) -> None:
    made = container.exec("parley", "create_key", "--account", "shop")

    assert made.returncode == 0, made.stderr
    assert requests.get(
        f"{url(settings)}/v1/models", headers={"Authorization": f"Bearer {made.stdout.strip()}"}, timeout=60
    ).ok


def test_the_healthcheck_fails_while_the_database_is_away(container: Container, servers: Servers) -> None:
    assert container.healthcheck().stdout == "ok\n"

    servers.database.stop()
    try:
        away = eventually(container.healthcheck, lambda check: check.returncode != 0)
    finally:
        servers.database.start()

    assert away.returncode == 1
    # By /readyz, or by the leases: an answer of /readyz may be a second old.
    assert "database" in away.stdout
    container.wait_until_healthy()


def test_a_stop_lets_an_answer_in_flight_end(
    image: Image, settings: dict[str, str], migrated: str, upstream: FakeUpstream, tmp_path: Path
) -> None:
    env = settings | {"PORT": str(int(settings["PORT"]) + 1), "DRAIN_SECONDS": str(LONG_DRAIN_SECONDS)}
    upstream.script(says("To ", "the ", "end").stalled_after(2))
    with Container(image, env=env, log=tmp_path / "log") as container:
        container.wait_until_healthy()
        everything = processes.descendants(container.first_process)
        with Api(url(env), KEY).ask("Go on", id=new_id(), model="gpt-4o", accept=SSE, stream=True) as answer:
            read = blocks(answer)
            seen = [next(read)]
            container.ask_to_stop()
            eventually(lambda: is_stopping(env), bool)
            upstream.release()
            seen += read

        assert container.wait() == 0
    assert text(seen) == "To the end"
    assert processes.left_of(everything, within=30) == []


def is_stopping(settings: Mapping[str, str]) -> bool:
    """New connections are refused, or wait for a web process that takes none any more."""
    try:
        requests.get(f"{url(settings)}/healthz", timeout=3)
    except requests.RequestException:
        return True
    return False


def test_a_stop_before_it_serves_is_heard(image: Image, settings: dict[str, str], tmp_path: Path) -> None:
    """Process 1 gets no signal that it has not asked for; tini asks."""
    with Container(
        image, env=settings, log=tmp_path / "log", command=("shell", "-c", "import time; time.sleep(600)")
    ) as container:
        eventually(lambda: len(processes.descendants(container.first_process)), lambda count: count >= 1)
        container.ask_to_stop()

        assert container.wait() != 0


def test_each_role_runs_in_a_container_of_its_own(
    image: Image, settings: dict[str, str], migrated: str, servers: Servers, tmp_path: Path
) -> None:
    env = settings | {"PORT": str(int(settings["PORT"]) + 2)}
    with ExitStack() as stack:
        running = {
            role: stack.enter_context(Container(image, env=env | {"ROLES": role}, log=tmp_path / role))
            for role in ROLES
        }
        for container in running.values():
            container.wait_until_healthy()
        found = {
            role: {process.role for process in processes.descendants(container.first_process)} - {""}
            for role, container in running.items()
        }
        answer = Api(url(env), KEY).answer("Across", model="echo")

        servers.database.stop()
        try:
            away = running["worker"].healthcheck()
        finally:
            servers.database.start()

    assert found == {role: {role} for role in ROLES}
    assert answer["answer"].endswith("Across")
    assert (away.returncode, away.stdout) == (1, "the database does not answer (OperationalError)\n")
