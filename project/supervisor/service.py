"""Runs the whole service under one supervisor: stores, migrations, first account, web, workers."""

import contextlib
import gc
import os
import socket
import sys
import time
from contextlib import AbstractContextManager

from django.conf import settings

from conversations import routing
from conversations.services.accounts.first_start import FirstStart
from project import postgresql
from project.embedded import directories, stores
from project.embedded.errors import CannotStart
from project.embedded.stores import Store
from project.logging import library_level
from project.supervisor import database_connections, open_files, preparation, welcome
from project.supervisor.children import environment, forked, programs, warm
from project.supervisor.children.child import Child
from project.supervisor.children.output import Output
from project.supervisor.children.preparing import Preparing
from project.supervisor.children.programs import Program
from project.supervisor.listener import base_url, listen, own_address
from project.supervisor.readiness import Readiness
from project.supervisor.signals import StopSignals
from project.supervisor.stopping import Role
from project.supervisor.supervise import SHORT_POLL_SECONDS, Supervisor

# A store may have to replay a long log after a crash.
STORE_READY_SECONDS = 120.0
READY_POLL_SECONDS = 0.1
REPORT_SECONDS = 15.0
NAME_WIDTH = len("postgres ")
EXPOSED = "Other users may write in {folder}, and so exchange the data directory {data_dir}: better have it elsewhere"


def run() -> None:
    """Serve until a request to stop. Raises CannotStart, after everything that was started has been stopped."""
    began = time.monotonic()
    signals = StopSignals()
    signals.install()
    supervisor = Supervisor(output=Output(fd=sys.stdout.fileno(), width=NAME_WIDTH), signals=signals)
    with directories.lock(data_dir=settings.DATA_DIR), _listen() as listening:
        try:
            with contextlib.suppress(KeyboardInterrupt):
                _serve(supervisor, listening=listening, began=began)
        finally:
            if listening:
                listening.close()
            supervisor.stop(drain_seconds=settings.DRAIN_SECONDS)
            # Skips the interpreter's last garbage collection: half a second of the five that a stop may take.
            gc.freeze()


def _listen() -> AbstractContextManager[socket.socket | None]:
    if "web" not in settings.ROLES:
        return contextlib.nullcontext()
    return listen(host=settings.HOST, port=settings.PORT)


def _serve(supervisor: Supervisor, *, listening: socket.socket | None, began: float) -> None:
    max_connections = _allow_connections(supervisor)
    if (folder := directories.exposed_above(data_dir=settings.DATA_DIR)) is not None:
        supervisor.report(EXPOSED.format(folder=folder, data_dir=settings.DATA_DIR))
    _start_stores(supervisor)
    connections = database_connections.allowed(url=settings.ENV["DATABASE_URL"])
    # Before the roles' modules are imported: they read the sizes.
    postgresql.limit_pools(connections=connections)
    made = _first_start(supervisor)
    try:
        found = _programs(listening, max_connections=max_connections)
        _start_programs(supervisor, found, listening=listening, connections=connections)
        if listening:
            _report_until_ready(supervisor, Readiness(address=own_address(listening), selector=supervisor.selector))
    except BaseException:
        # Stopped before it was ready: the new secrets must still be shown, because only their hashes are stored.
        supervisor.announce("\n".join(welcome.secrets(made)))
        raise
    supervisor.announce(_welcome(listening, made=made, seconds=time.monotonic() - began))
    supervisor.wait_until(lambda: False)


def _welcome(listening: socket.socket | None, *, made: FirstStart, seconds: float) -> str:
    if not listening:
        return "\n".join([f"Parley runs {', '.join(settings.ROLES)}", *welcome.secrets(made)])
    return welcome.text(
        base_url=base_url(own_address(listening)),
        made=made,
        is_key_given=bool(settings.ENV["PARLEY_API_KEY"]),
        seconds=seconds,
        model=routing.any_chat_model(),
    )


def _allow_connections(supervisor: Supervisor) -> int:
    """Raise the limit of open files; returns how many connections a web process may keep."""
    files = open_files.raise_limit()
    allowed = open_files.connections(files=files)
    if allowed < settings.MAX_CONNECTIONS:
        supervisor.report(open_files.TOO_FEW.format(allowed=allowed, files=files, wanted=settings.MAX_CONNECTIONS))
    return min(allowed, settings.MAX_CONNECTIONS)


def _start_stores(supervisor: Supervisor) -> None:
    """Start the stores that no URL is configured for. Both start at once and are then awaited."""
    wanted: list[Store] = []
    if not settings.ENV["REDIS_URL"]:
        wanted.append(stores.valkey(data_dir=settings.DATA_DIR, max_memory=settings.VALKEY_MAX_MEMORY))
    if not settings.ENV["DATABASE_URL"]:
        limit = database_connections.for_embedded()
        wanted.append(stores.postgres(data_dir=settings.DATA_DIR, max_connections=limit))
    children = [Child(name=store.name, role=Role.STORE, prepare=store.prepare) for store in wanted]
    for child in children:
        supervisor.start(child)
    for store, child in zip(wanted, children, strict=True):
        _wait_for_store(supervisor, store, child)


def _wait_for_store(supervisor: Supervisor, store: Store, child: Child) -> None:
    deadline = time.monotonic() + STORE_READY_SECONDS

    def is_decided() -> bool:
        return store.is_ready() or child.exits.pauses > 0 or time.monotonic() > deadline

    supervisor.wait_until(is_decided, poll_seconds=SHORT_POLL_SECONDS)
    if not store.is_ready():
        raise CannotStart(f"{store.name} does not start: its own lines above say why")
    store.on_ready()


def _first_start(supervisor: Supervisor) -> FirstStart:
    """Prepare the database, and meanwhile import what the roles need."""
    if not forked.IS_SAFE:
        return _prepare()
    with Preparing(_prepare) as preparing:
        warm.load()
        return preparing.result(supervisor)


def _prepare() -> FirstStart:
    preparation.check_redis(url=settings.REDIS_URL)
    preparation.check_broker()
    return preparation.prepare_database(
        url=settings.DATABASE_URL,
        api_key=settings.ENV["PARLEY_API_KEY"],
        admin_password=settings.ENV["PARLEY_ADMIN_PASSWORD"],
    )


def _start_programs(
    supervisor: Supervisor, found: list[Program], *, listening: socket.socket | None, connections: int
) -> None:
    # The children work in the code's directory, where a relative DATA_DIR would mean another one.
    own = {"DATA_DIR": str(settings.DATA_DIR), "DATABASE_CONNECTIONS": str(connections)}
    env = environment.own(os.environ) | own
    fd = listening.fileno() if listening else None
    for program in found:
        supervisor.start(programs.child(program, env=env, cwd=settings.BASE_DIR, fd=fd))


def _report_until_ready(supervisor: Supervisor, readiness: Readiness) -> None:
    while not _wait_until_ready(supervisor, readiness, give_up_at=time.monotonic() + REPORT_SECONDS):
        supervisor.report(f"not ready yet: {readiness.last_answer}")


def _wait_until_ready(supervisor: Supervisor, readiness: Readiness, *, give_up_at: float) -> bool:
    def is_decided() -> bool:
        now = time.monotonic()
        if not readiness.is_ready:
            readiness.ask(now=now)
        return readiness.is_ready or now > give_up_at

    supervisor.wait_until(is_decided, poll_seconds=READY_POLL_SECONDS)
    return readiness.is_ready


def _programs(listening: socket.socket | None, *, max_connections: int) -> list[Program]:
    level = library_level(settings.ENV["LOG_LEVEL"].upper())
    web = listening and programs.web(
        count=settings.WEB_PROCESSES,
        fd=listening.fileno(),
        max_connections=max_connections,
        drain_seconds=settings.DRAIN_SECONDS,
        log_level=level,
        trusted_proxies=settings.TRUSTED_PROXIES,
    )
    workers = programs.workers(
        count=settings.WORKER_PROCESSES,
        threads=settings.WORKER_THREADS,
        knowledge_threads=settings.KNOWLEDGE_THREADS,
        log_level=level,
        roles=settings.ROLES,
    )
    return [*(web or ()), *workers]
