"""The processes of this machine: who descends from whom, and which are left."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROLES = {
    "web": ("uvicorn",),
    "worker": ("celery", "worker", "runs"),
    "upkeep": ("celery", "worker", "upkeep@%h"),
    "knowledge": ("celery", "worker", "knowledge@%h"),
}
_KIB_PER_MB = 1000 / 1.024
PROGRAMS = {"postgres": "postgres", "valkey": "valkey-server"}


@dataclass(frozen=True, slots=True)
class Process:
    """`started` distinguishes it from a later process with the same pid."""

    pid: int
    parent: int
    started: int
    args: tuple[str, ...]

    @property
    def role(self) -> str:
        """Its name in the service's log, without a number; "" for a process that is not the service's own child."""
        # A forked process has its command line as one text, any other as a list.
        said = " ".join(self.args).split()
        for role, words in ROLES.items():
            if all(word in said for word in words):
                return role
        name = Path(self.args[0].split(" ")[0]).name if self.args else ""
        return next((role for role, program in PROGRAMS.items() if name == program), "")


def descendants(pid: int) -> list[Process]:
    """Every running process below `pid`, parents before their children."""
    everybody = _everybody()
    found: list[Process] = []
    parents = {pid}
    while grown := [process for process in everybody if process.parent in parents and process not in found]:
        found += grown
        parents = {process.pid for process in grown}
    return found


def left_of(processes: Iterable[Process], *, within: float) -> list[Process]:
    """Those that still run after at most `within` seconds; zombies do not count."""
    deadline = time.monotonic() + within
    known = {(process.pid, process.started) for process in processes}
    while True:
        left = [process for process in _everybody() if (process.pid, process.started) in known]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def pss_mb(pid: int) -> float:
    """Its memory, with pages that it shares divided among those that share them; 0 if it no longer exists."""
    return memory_mb(pid, "Pss")


def memory_mb(pid: int, name: str) -> float:
    """One number of those that the kernel has of its memory; 0 if it no longer exists."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / _KIB_PER_MB for line in lines if line.startswith(f"{name}:")), 0.0)


def _everybody() -> list[Process]:
    return [process for path in Path("/proc").glob("[0-9]*") if (process := _read(path))]


def _read(path: Path) -> Process | None:
    try:
        # The name is in parentheses and may hold anything; the state and the numbers follow it.
        state, *numbers = (path / "stat").read_text().rpartition(") ")[2].split()
        args = (path / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return None
    if state == "Z":
        return None
    return Process(pid=int(path.name), parent=int(numbers[0]), started=int(numbers[18]), args=tuple(args))
