"""Runs `manage.py` commands one after another in one process: to start Django for each takes over a second of CPU.

    python -m tests.journeys.commands

Each line of the input is a JSON list of arguments; each gets a line with the exit code and what the command printed.
"""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Commands:
    """That process, with the settings of one service; it is started with the first command."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {**env, "DJANGO_SETTINGS_MODULE": "project.settings"}
        self._process: subprocess.Popen[str] | None = None

    def run(self, *args: str) -> str:
        """What the command prints. It must succeed."""
        self._process = self._process or self._start()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(args) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"It ended with {self._process.wait()}"
        code, printed, error = json.loads(line)
        assert code == 0, error
        return str(printed)

    def stop(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.commands"],
            env=self._env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _answer(args: list[str]) -> list[object]:
    # Here, because the tests import this module too, with a Django of their own.
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    printed, error, code = io.StringIO(), io.StringIO(), 0
    try:
        with redirect_stdout(printed), redirect_stderr(error):
            execute_from_command_line(["manage.py", *args])
    except SystemExit as exc:
        code = int(exc.code or 0)
    return [code, printed.getvalue(), error.getvalue()]


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()
