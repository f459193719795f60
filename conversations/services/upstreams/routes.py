"""Brings keys and targets from the database to this process, when they have changed."""

import time
from collections import defaultdict
from threading import Thread

import structlog
from django.db import DatabaseError, connection

from conversations import encryption
from conversations.models import UpstreamKey, UpstreamTarget
from conversations.routing import table
from conversations.routing.table import Access, AdminTable, TargetRow
from conversations.services.upstreams import keys, version
from conversations.stores import deadlines

log = structlog.get_logger(__name__)

# A change acts within this time and a slow query, in every process.
REFRESH_SECONDS = 2.0


def refresh() -> None:
    """Raises DatabaseError; then the table stays as it is."""
    wanted = version.current()
    if wanted != table.current().version:
        # What was changed after the number was read makes another number, and is read again.
        table.install(_load(wanted))


def keep_fresh() -> Thread:
    """Refreshes the table of a process that has no clock of its own, in a thread that ends with it."""
    thread = Thread(target=_keep_fresh, name="upstream-routes", daemon=True)
    thread.start()
    return thread


def _keep_fresh() -> None:
    while True:
        try:
            with deadlines.until(deadlines.from_now()):
                refresh()
        except DatabaseError as exc:
            # The last table serves. Requests say what is wrong with the database.
            log.debug("upstream_routes_not_read", error=type(exc).__name__)
        except Exception:
            log.exception("upstream_routes_not_read")
        finally:
            connection.close()
        time.sleep(REFRESH_SECONDS)


def _load(number: int) -> AdminTable:
    accesses: defaultdict[str, list[Access]] = defaultdict(list)
    for key in UpstreamKey.objects.filter(is_enabled=True).order_by("pk"):
        try:
            secret = keys.secret_of(key)
        except encryption.Undecryptable:
            # Encrypted with a SECRET_KEY that is gone: it has to be replaced. Until then it is as if it were disabled.
            log.error("upstream_key_undecryptable", key=key.name)
            continue
        accesses[key.vendor].append(
            Access(key.name, secret, key.base_url, weight=key.weight, max_concurrent=key.max_concurrent, pk=key.pk)
        )
    targets: defaultdict[str, list[TargetRow]] = defaultdict(list)
    for row in UpstreamTarget.objects.filter(is_enabled=True).order_by("priority", "pk"):
        targets[row.model].append(
            TargetRow(
                vendor=row.vendor,
                access_pk=row.key_id,
                upstream_model=row.upstream_model,
                priority=row.priority,
                weight=row.weight,
                max_concurrent=row.max_concurrent,
                connect_timeout=row.connect_timeout,
                read_timeout=row.read_timeout,
                context_window=row.context_window,
                max_output_tokens=row.max_output_tokens,
            )
        )
    return AdminTable(number, dict(accesses), dict(targets))
