"""CPU time and memory of the service, role by role, from /proc."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.service.programs import BenchFailed
from tests.journeys import processes
from tests.journeys.processes import Process
from tests.journeys.service import Service

# Upkeep and the supervisor count together.
ROLES = ("web", "worker", "knowledge", "postgres", "valkey", "rest")
_REST = "rest"
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

ByRole = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU seconds so far. `roots`: the supervisor's own children, which must not change during a case."""

    cpu: ByRole
    roots: frozenset[int]

    def since(self, before: "Snapshot") -> ByRole:
        """The CPU seconds since `before`. Raises BenchFailed when the supervisor restarted a process meanwhile."""
        if self.roots != before.roots:
            raise BenchFailed("a process of the service died and was started again")
        return {role: self.cpu[role] - before.cpu[role] for role in ROLES}


def snapshot(service: Service) -> Snapshot:
    cpu = dict.fromkeys(ROLES, 0.0)
    # The supervisor's ended children belong to its start and are not counted; PostgreSQL's do work.
    cpu[_REST] += cpu_seconds(service.pid, with_ended_children=False)
    roots = set()
    for role, process, is_root in _by_role(service):
        cpu[role] += cpu_seconds(process.pid)
        if is_root:
            roots.add(process.pid)
    return Snapshot(cpu=cpu, roots=frozenset(roots))


def memory_mb(service: Service) -> ByRole:
    """Proportional set size: shared pages are divided among the processes that share them."""
    memory = dict.fromkeys(ROLES, 0.0)
    memory[_REST] += processes.pss_mb(service.pid)
    for role, process, _ in _by_role(service):
        memory[role] += processes.pss_mb(process.pid)
    return memory


def cpu_seconds(pid: int, *, with_ended_children: bool = True) -> float:
    """User and system time of a process and of its reaped children; 0 if it no longer exists."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    # utime, stime, cutime, cstime: fields 14 to 17 of the whole line.
    return sum(int(field) for field in fields[11 : 15 if with_ended_children else 13]) / _TICKS_PER_SECOND


def missing_roles(service: Service) -> set[str]:
    """The roles that are not running yet."""
    wanted = {"web", "worker", "upkeep", "postgres", "valkey"}
    return wanted - {process.role for process in service.processes() if process.parent == service.pid}


def _by_role(service: Service) -> Iterator[tuple[str, Process, bool]]:
    """Each process below the supervisor, with the role of the supervisor's child that it descends from."""
    everybody = {process.pid: process for process in service.processes()}
    for process in everybody.values():
        root = process
        while root.parent in everybody:
            root = everybody[root.parent]
        yield root.role if root.role in ROLES else _REST, process, root is process
