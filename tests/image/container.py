"""A container of the image: namespaces of its own, a read-only root, no capabilities; the network is this machine's.

What runs, as whom and with which variables is what the image says (`Image.config`).
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.image.build import Image
from tests.journeys import processes
from tests.waiting import eventually

ENTER = Path(__file__).with_name("enter.sh")
# A busy machine is no failure.
START_SECONDS = 300.0
STOP_SECONDS = 300.0


class Container:
    """`command`: instead of the image's own."""

    def __init__(self, image: Image, *, env: Mapping[str, str], log: Path, command: Sequence[str] = ()) -> None:
        self._image = image
        self._env = image.environment | dict(env)
        self._log = log
        self._args = [*image.config["Entrypoint"], *(command or image.config["Cmd"])]

    def __enter__(self) -> Self:
        own = ["--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc"]
        inside = [str(self._image.files), self._image.config["User"], self._image.config["WorkingDir"]]
        with self._log.open("wb") as log:
            self._outside = subprocess.Popen(
                ["unshare", *own, str(ENTER), *inside, *self._args],
                env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        # --kill-child ends its first process, and with that the kernel ends all others.
        self._outside.kill()
        self._outside.wait()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def first_process(self) -> int:
        return eventually(lambda: processes.descendants(self._outside.pid), bool)[0].pid

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As `docker exec` does."""
        user, group = self._image.config["User"].split(":")
        enter = ["nsenter", f"--target={self.first_process}", "--mount", "--pid", "--ipc", "--uts"]
        become = [
            "/usr/sbin/chroot",
            str(self._image.files),
            "setpriv",
            "--reuid",
            user,
            "--regid",
            group,
            "--clear-groups",
        ]
        there = ["env", f"--chdir={self._image.config['WorkingDir']}"]
        return subprocess.run(
            [*enter, *become, *there, *command], env=self._env, capture_output=True, text=True, check=False
        )

    def healthcheck(self) -> subprocess.CompletedProcess[str]:
        kind, *command = self._image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.exec(*command)

    def wait_until_healthy(self) -> None:
        def health() -> int:
            assert self._outside.poll() is None, self.log
            return self.healthcheck().returncode

        with self._shown_log():
            eventually(health, lambda code: code == 0, within=START_SECONDS)

    def ask_to_stop(self) -> None:
        """As the first half of `docker stop`: the second is SIGKILL."""
        os.kill(self.first_process, signal.SIGTERM)

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        with self._shown_log():
            return self._outside.wait(STOP_SECONDS)

    @contextlib.contextmanager
    def _shown_log(self) -> Iterator[None]:
        try:
            yield
        except (AssertionError, subprocess.TimeoutExpired) as exc:
            exc.add_note(self.log[-4000:])
            raise
