"""The supervisor with small children: what it starts again, and in which order it stops."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.embedded.errors import CannotStart
from project.embedded.process import Command
from project.supervisor.children import programs
from project.supervisor.children.child import Child
from project.supervisor.children.output import Output
from project.supervisor.children.programs import Program
from project.supervisor.signals import STOP_SIGNALS, StopSignals
from project.supervisor.stopping import Role
from project.supervisor.supervise import Supervisor

# Prints when it is up, and when it was asked to stop.
OBEDIENT = "trap 'echo told; exit 0' TERM; echo up; while true; do sleep 0.02; done"
STUBBORN = "trap '' TERM; echo up; while true; do sleep 0.02; done"


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    before = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGCHLD)}
    installed = StopSignals()
    installed.install()
    yield installed
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    installed.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def supervisor(signals: StopSignals, log: Path) -> Iterator[Supervisor]:
    with log.open("wb") as written:
        made = Supervisor(output=Output(fd=written.fileno(), width=7), signals=signals)
        yield made
        made.stop(drain_seconds=0.0)


def shell(name: str, script: str, *, role: Role = Role.WORKER) -> Child:
    command = Command(args=["/bin/sh", "-c", script], env={"PATH": os.defpath})
    return Child(name=name, role=role, prepare=lambda: command)


def wait_for(supervisor: Supervisor, log: Path, text: str, *, times: int = 1) -> None:
    deadline = time.monotonic() + 30
    supervisor.wait_until(
        lambda: log.read_text().count(text) >= times or time.monotonic() > deadline, poll_seconds=0.02
    )
    assert log.read_text().count(text) >= times


def test_starts_a_child_again_that_was_killed(supervisor: Supervisor, log: Path) -> None:
    supervisor.start(shell("worker", "echo up as $$; exec sleep 60"))
    wait_for(supervisor, log, "up as")

    os.kill(int(log.read_text().split()[-1]), signal.SIGKILL)
    wait_for(supervisor, log, "up as", times=2)

    assert "parley | worker was ended by SIGKILL; starting it again at once\n" in log.read_text()


def test_pauses_before_it_starts_a_child_for_the_sixth_time(supervisor: Supervisor, log: Path) -> None:
    supervisor.start(shell("worker", "echo up; exit 3"))

    wait_for(supervisor, log, "worker ended with code 3; starting it again in 1 s")

    assert log.read_text().count("up\n") == 5
    assert log.read_text().count("starting it again at once") == 4


def test_passes_a_childs_last_words_on(supervisor: Supervisor, log: Path) -> None:
    supervisor.start(shell("worker", "printf 'no newline'; exit 3"))

    wait_for(supervisor, log, "worker | no newline\n")


def test_starts_a_module_as_a_program_of_its_own_where_it_cannot_fork(
    supervisor: Supervisor, log: Path, tmp_path: Path
) -> None:
    (tmp_path / "shown.py").write_text("import sys; print(__name__, sys.argv[1:])")
    program = Program(name="worker", role=Role.WORKER, args=["shown", "-Q", "runs"])

    supervisor.start(programs.child(program, env={"PATH": os.defpath}, cwd=tmp_path, fd=0, is_forked=False))

    wait_for(supervisor, log, "worker | __main__ ['-Q', 'runs']\n")


def test_stops_web_then_workers_then_the_stores(supervisor: Supervisor, log: Path) -> None:
    for role in (Role.STORE, Role.WORKER, Role.WEB):
        supervisor.start(shell(role.value, OBEDIENT, role=role))
    wait_for(supervisor, log, "up", times=3)

    supervisor.stop(drain_seconds=60.0)

    order = [line.split("|")[0].strip() for line in log.read_text().splitlines() if "told" in line]
    assert order == ["web", "worker", "store"]


def test_kills_children_that_do_not_stop(supervisor: Supervisor, log: Path) -> None:
    supervisor.start(shell("web", STUBBORN, role=Role.WEB))
    supervisor.start(shell("store", STUBBORN, role=Role.STORE))
    wait_for(supervisor, log, "up", times=2)

    began = time.monotonic()
    supervisor.stop(drain_seconds=0.2)

    # Otherwise they would run for ever.
    assert 1.3 < time.monotonic() - began < 30.0
    assert "told" not in log.read_text()


def test_ends_everything_at_once_on_a_second_request(supervisor: Supervisor, signals: StopSignals, log: Path) -> None:
    supervisor.start(shell("web", STUBBORN, role=Role.WEB))
    wait_for(supervisor, log, "up")
    signals.requests = 2

    began = time.monotonic()
    supervisor.stop(drain_seconds=60.0)

    assert time.monotonic() - began < 30.0


def test_counts_one_ctrl_c_that_arrives_twice_as_one_request(signals: StopSignals) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)

    assert signals.requests == 1


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_stops_waiting_when_it_is_asked_to_stop(supervisor: Supervisor, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        supervisor.wait_until(lambda: False)


def test_refuses_a_first_start_that_is_impossible(supervisor: Supervisor) -> None:
    impossible = Command(args=["/no/such/program"], env={})

    with pytest.raises(CannotStart, match=r"Cannot start web: .*No such file"):
        supervisor.start(Child(name="web", role=Role.WEB, prepare=lambda: impossible))


def test_leaves_no_descriptor_behind(supervisor: Supervisor, log: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    supervisor.start(shell("worker", "echo up; exit 3"))
    wait_for(supervisor, log, "starting it again in 1 s")
    supervisor.wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before, poll_seconds=0.02)

    assert len(list(Path("/proc/self/fd").iterdir())) <= before
