"""Journey: one command runs the whole service, and one signal ends it, whatever dies in between."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from project.embedded import paths
from tests.journeys import processes
from tests.journeys.service import Service
from tests.waiting import eventually

# Five seconds are promised (test_stopping.py adds them up), and at once when it is killed. This bound is longer: a busy
# machine is no failure, and a stop that waits for a stuck process would never end.
STOP_SECONDS = 60.0
GONE_SECONDS = 60.0
# A stream may continue for so long.
LONG_DRAIN_SECONDS = 100.0
ROLES = ("web", "worker", "upkeep", "knowledge", "postgres", "valkey")
KEY = "sk-given-by-the-operator"
PASSWORD = "given-by-the-operator-too"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by the tests that start and stop: a later start finds what an earlier one made."""
    return tmp_path_factory.mktemp("serve") / "var"


@pytest.fixture
def own_service(data_dir: Path) -> Iterator[Service]:
    """A service that a test may stop. Its key is configured, because a generated one is shown only once."""
    with Service(data_dir=data_dir, env={"PARLEY_API_KEY": KEY}) as service:
        yield service


@pytest.fixture
def long_drain_service(data_dir: Path) -> Iterator[Service]:
    """A service that lets its streams continue for long."""
    env = {"PARLEY_API_KEY": KEY, "DRAIN_SECONDS": str(LONG_DRAIN_SECONDS)}
    with Service(data_dir=data_dir, env=env) as service:
        yield service


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """For tests that only observe it, or block its start."""
    env = {"PARLEY_API_KEY": KEY, "PARLEY_ADMIN_PASSWORD": PASSWORD}
    # A socket path may have 107 bytes, so its sockets cannot be in its data directory.
    with Service(data_dir=tmp_path_factory.mktemp("serve" * 20) / "var", env=env) as service:
        yield service
    # The directory stays for the next start, and is empty.
    paths.socket_dir(service.data_dir).rmdir()


@pytest.fixture(scope="module")
def restarting_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """For tests that kill its parts and expect it to recover."""
    with Service(data_dir=tmp_path_factory.mktemp("restarting") / "var", env={"WEB_PROCESSES": "2"}) as service:
        yield service


def ask(service: Service, question: str, **more: object) -> dict[str, object]:
    answer = httpx.post(
        f"{service.base_url}/aichat/conversations",
        json={"model": "echo", "question": question, **more},
        headers={"Authorization": f"Bearer {service.api_key}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def end_within(service: Service, end: Callable[[], None]) -> float:
    """Seconds until everything that ran is gone, after `end` was called."""
    everything = service.processes()
    assert {process.role for process in everything} >= set(ROLES)
    began = time.monotonic()
    end()
    service.wait()
    assert processes.left_of(everything, within=GONE_SECONDS) == []
    return time.monotonic() - began


def test_a_second_start_keeps_everything(data_dir: Path) -> None:
    first = Service(data_dir=data_dir, from_nothing=True).start()
    made = (data_dir / "postgres" / "PG_VERSION").stat().st_ino
    asked = ask(first, "Remember 42", stateful=True)
    curl = re.search(r"^  curl .*$", first.log, re.MULTILINE)
    assert curl
    pasted = subprocess.run(curl[0], shell=True, capture_output=True, text=True, check=True)
    assert first.stop() == 0

    second = Service(data_dir=data_dir)
    second.api_key = first.api_key
    second.start()
    again = ask(second, "And now?", id=asked["id"], stateful=True)
    assert second.stop() == 0

    assert "Hello, Parley" in pasted.stdout
    assert again["id"] == asked["id"]
    assert (data_dir / "postgres" / "PG_VERSION").stat().st_ino == made
    assert first.api_key in first.log
    assert "shown this once" not in second.log


def test_runs_every_role_in_a_session_of_its_own(restarting_service: Service) -> None:
    pids = {role: restarting_service.pids(role) for role in ROLES}

    assert {role: len(found) for role, found in pids.items()} == dict.fromkeys(ROLES, 1) | {"web": 2}
    assert all(os.getsid(pid) == pid for found in pids.values() for pid in found)


def test_names_every_role_in_its_command_line(restarting_service: Service) -> None:
    said = {process.pid: " ".join(process.args) for process in restarting_service.processes()}

    (worker,), (upkeep,) = restarting_service.pids("worker"), restarting_service.pids("upkeep")
    assert [said[pid].split()[:2] for pid in restarting_service.pids("web")] == [
        ["uvicorn", "project.asgi:application"]
    ] * 2
    assert said[worker].startswith("celery -A project --quiet --skip-checks worker -Q runs -n runs1@%h ")
    queues = "upkeep,webhooks,erasures"
    assert said[upkeep].startswith(f"celery -A project --quiet --skip-checks worker -Q {queues} -n upkeep@%h ")


@pytest.mark.parametrize("role", ["web", "worker", "upkeep", "knowledge", "postgres", "valkey"])
def test_restarts_a_killed_process_and_answers(restarting_service: Service, role: str) -> None:
    before, said = restarting_service.pids(role), len(restarting_service.log)
    others = {other: restarting_service.pids(other) for other in ROLES if other != role}

    restarting_service.kill(role)
    restarting_service.wait_for(
        re.compile(rf"parley   \| {role}\d? was ended by SIGKILL; starting it again"), since=said
    )
    answer = answer_within(restarting_service, seconds=60.0)

    assert "still there?" in str(answer["answer"])
    assert not set(before) & set(restarting_service.pids(role))
    assert {other: restarting_service.pids(other) for other in others} == others


def answer_within(service: Service, *, seconds: float) -> dict[str, object]:
    """The first successful answer; requests may fail while a store restarts."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask(service, "still there?")
        except (AssertionError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_loses_no_connection_while_web_restarts(restarting_service: Service) -> None:
    restarting_service.kill("web")

    answer = httpx.get(f"{restarting_service.base_url}/healthz", timeout=60)

    assert answer.status_code == 200


@pytest.mark.parametrize(("number", "to_group"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_stops_everything_in_time(own_service: Service, number: signal.Signals, to_group: bool) -> None:
    took = end_within(own_service, lambda: own_service.signal(number, to_group=to_group))

    assert own_service.wait() == 0
    assert took < STOP_SECONDS


def test_stops_in_time_when_processes_are_stuck(own_service: Service) -> None:
    for role in ("web", "worker", "postgres"):
        os.kill(own_service.pids(role)[0], signal.SIGSTOP)

    took = end_within(own_service, lambda: own_service.signal(signal.SIGTERM))

    assert took < STOP_SECONDS


def test_stops_at_once_on_a_second_ctrl_c(long_drain_service: Service) -> None:
    """The first stop waits for a stuck process as long as for a stream."""
    (web,), (worker,) = long_drain_service.pids("web"), long_drain_service.pids("worker")
    os.kill(web, signal.SIGSTOP)

    def press_twice() -> None:
        long_drain_service.signal(signal.SIGINT)
        # The first request arrived: processes that are not stuck have ended.
        eventually(lambda: long_drain_service.pids("worker"), lambda left: worker not in left)
        long_drain_service.signal(signal.SIGINT)

    assert end_within(long_drain_service, press_twice) < STOP_SECONDS


def test_leaves_no_process_when_it_is_killed_and_starts_again(own_service: Service) -> None:
    took = end_within(own_service, own_service.kill9)
    own_service.start()

    assert took < GONE_SECONDS
    assert "Hello again" in str(ask(own_service, "Hello again")["answer"])


def test_never_prints_a_key_or_password_that_it_was_given(shared_service: Service) -> None:
    assert 'Bearer $PARLEY_API_KEY"' in shared_service.log
    assert KEY not in shared_service.log
    assert PASSWORD not in shared_service.log


def test_no_role_begins_with_a_warning(shared_service: Service) -> None:
    assert re.findall(r".*Warning: .*", shared_service.log) == []


def test_works_in_a_data_directory_with_a_long_path(shared_service: Service) -> None:
    answer = ask(shared_service, "Far away")

    assert "Far away" in str(answer["answer"])
    assert not (shared_service.data_dir / "run").exists()


def test_uses_the_database_and_redis_it_is_given_and_no_settings_of_other_programs(
    tmp_path: Path, shared_service: Service
) -> None:
    sockets = paths.socket_dir(shared_service.data_dir)
    env = {
        "DATABASE_URL": f"postgresql://parley@/parley?host={sockets}&port=5432",
        "REDIS_URL": f"unix://{sockets}/valkey.sock?db=1",
        "PARLEY_API_KEY": KEY,
        # Meant for other programs.
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "UVICORN_ROOT_PATH": "/elsewhere",
    }

    with Service(data_dir=tmp_path / "var", env=env) as service:
        answer = ask(service, "On borrowed stores")
        found = {process.role for process in service.processes()}

    assert "On borrowed stores" in str(answer["answer"])
    assert found == {"web", "worker", "upkeep", "knowledge"}
    assert not (tmp_path / "var" / "postgres").exists()


def test_refuses_a_taken_port_and_a_data_directory_in_use(tmp_path: Path, shared_service: Service) -> None:
    same_port = {"PORT": str(shared_service.port)}

    assert refusal(Service(data_dir=tmp_path / "var", env=same_port)) == (
        f"Parley cannot start: Cannot listen on 127.0.0.1 port {shared_service.port} (Address already in use): "
        "set HOST or PORT\n"
    )
    assert refusal(Service(data_dir=shared_service.data_dir)) == (
        f"Parley cannot start: The data directory {shared_service.data_dir} is in use by another Parley "
        f"(process {shared_service.pid}): stop it, or set DATA_DIR\n"
    )


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"DATABASE_URL": "postgresql://me:hunter2-secret@127.0.0.1:1/x"}, "(DATABASE_URL): connection failed"),
        ({"REDIS_URL": "redis://:hunter2-secret@127.0.0.1:1/0"}, "(REDIS_URL): Error 111 connecting to 127.0.0.1:1"),
        ({"WORKER_THREADS": "many"}, "WORKER_THREADS: 'many' is not a whole number; leave it out for 64"),
        ({"HOST": "no-such-host.invalid"}, "Cannot listen on no-such-host.invalid"),
        ({"PRICES_FILE": "/no/such/file"}, "PRICES_FILE: cannot read /no/such/file (No such file or directory)"),
    ],
)
def test_refuses_in_one_clear_line_without_a_password(tmp_path: Path, env: dict[str, str], words: str) -> None:
    said = refusal(Service(data_dir=tmp_path / "var", env=env))

    last = said.splitlines()[-1]
    assert last.startswith("Parley cannot start: ")
    assert words in last
    assert "hunter2" not in said
    assert "Traceback" not in said


def refusal(service: Service) -> str:
    """Its output, once it has ended with an error; no process may be left."""
    service.launch()
    code = service.wait()
    assert code == 1, service.log
    return service.log


def test_shows_a_key_that_was_made_when_it_is_stopped_as_it_starts(tmp_path: Path) -> None:
    """Most often before it is ready, which would have shown the key."""
    service = Service(data_dir=tmp_path / "var")
    service.launch()
    service.wait_for(re.compile(r"^web +\| ", re.MULTILINE))

    service.stop()

    assert len(re.findall(r"^  API key  sk-\S+  \(shown this once\)$", service.log, re.MULTILINE)) == 1
