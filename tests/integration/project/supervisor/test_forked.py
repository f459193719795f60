"""Children that are forked, each test in a parent of its own: a process with threads, such as pytest, must not fork."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.journeys import processes
from tests.waiting import eventually

HEADER = """
import os, signal, sys, time
from pathlib import Path
from project.embedded.process import Command
from project.supervisor.children import forked
from project.supervisor.signals import StopSignals

def wait(child):
    while child.poll() is None:
        time.sleep(0.01)
    return child.poll()
"""


def python(script: str, *args: str) -> str:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-c", HEADER + script, *args], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_a_module_with_its_arguments_environment_and_directory(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(
        "import os, sys\n"
        "print(__name__, sys.argv[1:], os.getcwd(), os.environ == {'A': 'b'}, os.getsid(0) == os.getpid())\n"
        "sys.exit(7)\n"
    )
    script = """
sys.path.insert(0, sys.argv[1])
command = Command(args=["shown", "one", "two"], env={"A": "b"}, cwd=Path(sys.argv[1]))
print(wait(forked.module(command, output=None)))
"""

    said = python(script, str(tmp_path)).splitlines()

    assert said == [f"__main__ ['one', 'two'] {tmp_path} True True", "7"]


def test_is_named_by_its_title() -> None:
    script = """
read_fd, write_fd = os.pipe()
child = forked.call(lambda: os.write(1, Path("/proc/self/cmdline").read_bytes()), title="a role", output=write_fd)
os.close(write_fd)
print(os.read(read_fd, 1000).decode().rstrip("\\0"), wait(child))
"""

    assert python(script) == "a role 0\n"


def test_inherits_nothing_but_its_streams_and_what_it_is_passed() -> None:
    script = """
for fd in (50, 60, 70):
    os.dup2(1, fd)
def show():
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    print([fd for fd in (0, 1, 2, 50, 60, 70) if fd in found], os.readlink("/proc/self/fd/0"), flush=True)
wait(forked.call(show, title="a role", output=None, pass_fds=(60,)))
"""

    assert python(script) == "[0, 1, 2, 60] /dev/null\n"


def test_has_no_signal_handlers_of_its_parent_and_loses_no_signal() -> None:
    """Sent before the child has run at all."""
    script = """
signals = StopSignals()
signals.install()
for _ in range(50):
    child = forked.call(lambda: time.sleep(60), title="a role", output=None)
    child.send_signal(signal.SIGTERM)
    assert wait(child) == -signal.SIGTERM
child = forked.call(lambda: time.sleep(60), title="a role", output=None)
child.kill()
print(wait(child), signals.requests)
"""

    assert python(script) == f"-{signal.SIGKILL.value} 0\n"


def test_dies_with_its_parent() -> None:
    script = """
child = forked.call(lambda: time.sleep(600), title="a role", output=None)
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", HEADER + script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        (child,) = eventually(lambda: processes.descendants(parent.pid), bool)
        parent.kill()

    assert child.pid == pid
    assert processes.left_of([child], within=30) == []


def test_says_what_went_wrong_and_ends_with_an_error() -> None:
    script = """
def fail():
    raise ValueError("as planned")
os.dup2(1, 2)
print(wait(forked.call(fail, title="a role", output=None)))
"""

    *_, error, code = python(script).splitlines()

    assert (error, code) == ("ValueError: as planned", "1")


def test_leaves_no_descriptor_behind() -> None:
    script = """
before = len(os.listdir("/proc/self/fd"))
for _ in range(5):
    wait(forked.call(lambda: None, title="a role", output=None))
print(len(os.listdir("/proc/self/fd")) - before)
"""

    assert python(script) == "0\n"


def test_what_roles_share_starts_no_thread_and_opens_nothing() -> None:
    """Neither survives a fork: a child would wait for a thread that it does not have, or share a connection."""
    script = """
import threading
before = os.listdir("/proc/self/fd")
import django
django.setup()
from project.supervisor.children import warm
warm.load()
print(threading.active_count(), len(os.listdir("/proc/self/task")), os.listdir("/proc/self/fd") == before)
"""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "NOSETPS": "1"}

    done = subprocess.run(
        [sys.executable, "-c", HEADER + script], env=env, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.stdout == "1 1 True\n", done.stderr
