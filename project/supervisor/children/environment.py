"""The environment of the supervisor and all its children."""

import os
import sys
from collections.abc import Mapping

# For glibc, which reads them when a program starts: memory of large bodies and answers is returned to the system, not
# kept in an arena for each thread.
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144"}
# uvicorn and celery also read options from the environment; these may be meant for another program.
_FOREIGN_PREFIXES = ("CELERY_", "UVICORN_")
_FOREIGN_NAMES = frozenset({"BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"})


def own(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the service passes on of the environment it was started in, with its own variables."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_FOREIGN_PREFIXES) and name not in _FOREIGN_NAMES
    }
    return {**ALLOCATOR, **kept} | {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        # Celery would change the command line that a worker has in `ps`.
        "NOSETPS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def start_over_in_own() -> None:
    """Have this process start the same command line again in its own environment, unless it runs in it already.

    What its children are forked with, they cannot change any more: the allocator's settings and libraries that have
    read the environment.
    """
    env = own(os.environ)
    if dict(os.environ) != env:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], env)  # noqa: S606 - this very program
