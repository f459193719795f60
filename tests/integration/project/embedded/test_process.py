"""Children that cannot outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from project.embedded import process
from project.embedded.process import Command

PARENT = """
import sys, time
from project.embedded import process
from project.embedded.process import Command
child = process.start(Command(args=["sleep", "60"], env={"PATH": "/bin:/usr/bin"}), output=None)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_ends_a_child_whose_parent_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child_pid = int(parent.stdout.readline())

    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    assert _is_gone(child_pid, within=30.0)


def test_keeps_ctrl_c_in_the_terminal_from_a_child() -> None:
    child = process.start(Command(args=["sleep", "60"], env={"PATH": os.defpath}), output=None)

    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        child.kill()
        child.wait()


def test_hands_over_only_the_descriptors_it_was_asked_to() -> None:
    kept, given = os.pipe()
    command = Command(args=["ls", "/proc/self/fd"], env={"PATH": os.defpath}, pass_fds=(given,))
    read_fd, write_fd = os.pipe()

    child = process.start(command, output=write_fd)
    os.close(write_fd)
    listed = os.read(read_fd, 1000).decode().split()
    child.wait()

    for fd in (kept, given, read_fd):
        os.close(fd)
    assert str(given) in listed
    assert str(kept) not in listed


def _is_gone(pid: int, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(") ")[-1][:1]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
