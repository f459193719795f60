"""The command lines of web and workers."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from project.embedded import process
from project.embedded.process import Command
from project.environment import checks
from project.supervisor.children import forked
from project.supervisor.children.child import Child
from project.supervisor.stopping import Role

# Sweeps are short and few; they need no more at once.
UPKEEP_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A Python module that is run as a program, and its arguments."""

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
    """`trusted_proxies` are address ranges; X-Forwarded-For and -Proto of any other peer are ignored."""
    args = ["uvicorn", "project.asgi:application", "--fd", str(fd), "--workers", "1", "--ws", "none"]
    args += ["--http", "project.connections.http_protocol:StrictHttpProtocol"]
    args += ["--limit-concurrency", str(max_connections)]
    args += ["--no-access-log", "--no-server-header", "--log-level", log_level.lower()]
    # Without the option uvicorn trusts every peer on this machine, or those that FORWARDED_ALLOW_IPS names.
    args += ["--forwarded-allow-ips", ",".join(trusted_proxies)] if trusted_proxies else ["--no-proxy-headers"]
    args += ["--timeout-graceful-shutdown", str(max(1, round(drain_seconds)))]
    return [Program(name=name, role=Role.WEB, args=args) for name in _numbered("web", count)]


def workers(
    *, count: int, threads: int, knowledge_threads: int, log_level: str, roles: Collection[str] = checks.ROLES
) -> list[Program]:
    """`count` processes for runs, one for documents, which need much CPU, and one for all else, which none of these
    can delay there. Only those of `roles`.
    """
    for_runs = [
        Program(name=name, role=Role.WORKER, args=_worker_args("runs", f"runs{number}", threads, log_level))
        for number, name in enumerate(_numbered("worker", count), 1)
    ]
    # Deliveries wait for the network in threads of their own; another process would cost memory and gain nothing.
    args = _worker_args("upkeep,webhooks,erasures", "upkeep", UPKEEP_THREADS, log_level)
    upkeep = Program(name="upkeep", role=Role.WORKER, args=args)
    args = _worker_args("knowledge", "knowledge", knowledge_threads, log_level)
    knowledge = Program(name="knowledge", role=Role.WORKER, args=args)
    found = {"worker": for_runs, "upkeep": [upkeep], "knowledge": [knowledge]}
    return [program for role, of_role in found.items() if role in roles for program in of_role]


def child(
    program: Program, *, env: Mapping[str, str], cwd: Path, fd: int | None, is_forked: bool = forked.IS_SAFE
) -> Child:
    """The supervised process. Only web inherits the listening socket `fd`, None where there is none."""
    interpreter = () if is_forked else (sys.executable, "-W", "ignore:You're running the worker with superuser", "-m")
    command = Command(
        args=[*interpreter, *program.args],
        env=env,
        cwd=cwd,
        pass_fds=() if fd is None or program.role is not Role.WEB else (fd,),
    )
    launch = forked.module if is_forked else process.start
    return Child(name=program.name, role=program.role, prepare=lambda: command, launch=launch)


def _worker_args(queue: str, node: str, threads: int, log_level: str) -> list[str]:
    # Django's checks, which Celery would have every worker make, import the admin; `make check` makes them.
    args = ["celery", "-A", "project", "--quiet", "--skip-checks", "worker", "-Q", queue, "-n", f"{node}@%h"]
    args += ["-P", "threads", "-c", str(threads), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*args, "--loglevel", log_level.upper()]


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{number}" for number in range(1, count + 1)]
