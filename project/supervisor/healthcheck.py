"""The image's HEALTHCHECK, a program of its own: exits with 1 unless the roles that run here work.

It is started every few seconds, so it does without Django. Of web it asks `/readyz`; the other roles listen nowhere, so
their leases are read.
"""

import http.client
import os
import socket
import sys
from collections.abc import Collection

import psycopg

from project.environment import table
from project.supervisor.listener import reached_at

ASK_SECONDS = 8.0
CONNECT_SECONDS = 4
# As in conversations/models/runs/workers.py, which needs Django; a test compares the two.
LEASE_SECONDS = 8.0
# One queue of each role.
QUEUES = {"worker": "runs", "upkeep": "upkeep", "knowledge": "knowledge"}
# A worker's name begins with its host (workers/runs/process.py); in a container no other has it.
_ALIVE = """
SELECT DISTINCT unnest(string_to_array(queue, ',')) FROM conversations_worker
WHERE stopped_at IS NULL AND heartbeat_at > now() - %s * interval '1 second' AND failing = ''
  AND starts_with(name, %s)
"""


def main() -> int:
    settings = table.read(os.environ)
    problem = _problem(settings["ROLES"], host=settings["HOST"], port=settings["PORT"], url=settings["DATABASE_URL"])
    print(problem or "ok")  # noqa: T201 - Docker keeps it (`docker inspect`)
    return 1 if problem else 0


def _problem(roles: Collection[str], *, host: str, port: int, url: str) -> str:
    """What does not work, or ""."""
    if "web" in roles and (problem := _of_web(reached_at(host), port)):
        return problem
    return _of_workers(roles, url=url)


def _of_web(host: str, port: int) -> str:
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return "" if answer.status == http.HTTPStatus.OK else answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as exc:
        return f"web does not answer ({type(exc).__name__})"
    finally:
        connection.close()


def _of_workers(roles: Collection[str], *, url: str) -> str:
    wanted = [role for role in roles if role in QUEUES]
    if not wanted:
        return ""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            rows = connection.execute(_ALIVE, [LEASE_SECONDS, f"{socket.gethostname()}:"]).fetchall()
    except psycopg.Error as exc:
        # Its text may quote the address.
        return f"the database does not answer ({type(exc).__name__})"
    alive = {queue for (queue,) in rows}
    missing = [role for role in wanted if QUEUES[role] not in alive]
    return f"not alive: {', '.join(missing)}" if missing else ""


if __name__ == "__main__":
    sys.exit(main())
