"""The command lines of web, workers and beat: each tool's own."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from project.embedded.process import Command
from project.supervisor.children.child import Child
from project.supervisor.stopping import Role

# Sweeps are short and few; this many at once is ample.
UPKEEP_THREADS = 4
# Of glibc: what large bodies and answers took is given back, not kept apart for each of a process's many threads.
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144"}
# uvicorn and celery read options from the environment too, and would obey what was meant for another program.
_STRANGE_PREFIXES = ("CELERY_", "UVICORN_")
_STRANGE_NAMES = frozenset({"BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"})


def environment(*, inherited: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """What every child of ours is given."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_STRANGE_PREFIXES) and name not in _STRANGE_NAMES
    }
    # The children's working directory is the code's, so a relative DATA_DIR would lead them elsewhere.
    return {**ALLOCATOR, **kept} | {
        "DATA_DIR": str(data_dir),
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "PYTHONUNBUFFERED": "1",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A Python module run as a program: `python -m` and these arguments."""

    name: str
    role: Role
    args: Sequence[str]


def web(
    *,
    count: int,
    fd: int,
    max_connections: int,
    drain_seconds: float,
    log_level: str,
    trusted_proxies: Sequence[str] = (),
) -> list[Program]:
    """`trusted_proxies` are address ranges; from any other peer X-Forwarded-For and -Proto mean nothing."""
    args = ["uvicorn", "project.asgi:application", "--fd", str(fd), "--workers", "1", "--ws", "none"]
    args += ["--http", "project.connections.http_protocol:HttpProtocol"]
    args += ["--limit-concurrency", str(max_connections)]
    args += ["--no-access-log", "--no-server-header", "--log-level", log_level.lower()]
    # Without the option uvicorn believes whoever connects from this machine, or what FORWARDED_ALLOW_IPS says.
    args += ["--forwarded-allow-ips", ",".join(trusted_proxies)] if trusted_proxies else ["--no-proxy-headers"]
    args += ["--timeout-graceful-shutdown", str(max(1, round(drain_seconds)))]
    return [Program(name=name, role=Role.WEB, args=args) for name in _numbered("web", count)]


def workers(*, count: int, threads: int, log_level: str) -> list[Program]:
    """`count` processes for runs, and one that long runs cannot keep from its sweeps and deliveries."""
    for_runs = [
        Program(name=name, role=Role.WORKER, args=_worker_args("runs", f"runs{number}", threads, log_level))
        for number, name in enumerate(_numbered("worker", count), 1)
    ]
    # Deliveries wait on the network in threads of their own: a process more would cost 80 MB for nothing.
    args = _worker_args("upkeep,webhooks", "upkeep", UPKEEP_THREADS, log_level)
    return [*for_runs, Program(name="upkeep", role=Role.WORKER, args=args)]


def beat(*, schedule: Path, log_level: str) -> list[Program]:
    args = ["celery", "--quiet", "-A", "project", "beat", "--schedule", str(schedule), "--loglevel", log_level.upper()]
    return [Program(name="beat", role=Role.BEAT, args=args)]


def child(program: Program, *, env: Mapping[str, str], cwd: Path, fd: int) -> Child:
    """The supervised process; only web is handed the listening socket `fd`."""
    command = Command(
        # Celery says so whenever it runs as root; the danger it means is in pickles, which we do not accept.
        args=[sys.executable, "-W", "ignore:You're running the worker with superuser", "-m", *program.args],
        env=env,
        cwd=cwd,
        pass_fds=(fd,) if program.role is Role.WEB else (),
    )
    return Child(name=program.name, role=program.role, prepare=lambda: command)


def _worker_args(queue: str, node: str, threads: int, log_level: str) -> list[str]:
    args = ["celery", "--quiet", "-A", "project", "worker", "-P", "threads", "-c", str(threads)]
    args += ["-Q", queue, "-n", f"{node}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*args, "--loglevel", log_level.upper()]


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{number}" for number in range(1, count + 1)]
