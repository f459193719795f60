"""A program that starts itself over in the environment of the service."""

import subprocess
import sys

SCRIPT = """
import os
from project.supervisor.children import environment
print(os.getpid(), flush=True)
environment.start_over_in_own()
print(os.environ["MALLOC_ARENA_MAX"], os.environ["KEPT"], "CELERY_BROKER_URL" in os.environ)
"""


def test_starts_over_once_with_the_same_pid_and_command_line() -> None:
    env = {"KEPT": "yes", "CELERY_BROKER_URL": "redis://theirs"}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT], env=env, capture_output=True, text=True, check=True, timeout=60
    )

    first, second, seen = done.stdout.splitlines()
    assert first == second
    assert seen == "2 yes False"
