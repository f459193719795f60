"""Prepares the database in a child of its own, so that the roles, forked later, have none of its connections."""

import contextlib
import signal
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Self

from conversations.services.accounts.first_start import FirstStart
from project.embedded.errors import CannotStart
from project.supervisor import welcome
from project.supervisor.children import forked
from project.supervisor.supervise import SHORT_POLL_SECONDS, Supervisor

# What an interrupted preparation may need to roll back.
STOP_SECONDS = 1.0
DIED = "The database was not prepared: the process that does it has died; its own lines above may say why"


class Preparing:
    """The new secrets come back through a pipe, which no other process can read."""

    def __init__(self, prepare: Callable[[], FirstStart]) -> None:
        self._receiving, sending = Pipe(duplex=False)
        with sending:
            self._child = forked.call(
                lambda: _send_result(prepare, sending),
                title="python manage.py serve: prepares the database",
                output=None,
                pass_fds=(sending.fileno(),),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._receiving.close()

    def result(self, supervisor: Supervisor) -> FirstStart:
        """Waits for it. Raises CannotStart, and KeyboardInterrupt when a request to stop comes first."""
        try:
            supervisor.wait_until(self._receiving.poll, poll_seconds=SHORT_POLL_SECONDS)
        except KeyboardInterrupt:
            self._child.send_signal(signal.SIGINT)
            # It may just have stored new secrets. Only their hashes are stored, so they must still be shown.
            with contextlib.suppress(CannotStart):
                if self._receiving.poll(STOP_SECONDS) and (lines := welcome.secrets(self._received())):
                    supervisor.announce("\n".join(lines))
            raise
        return self._received()

    def _received(self) -> FirstStart:
        try:
            result = self._receiving.recv()
        except EOFError:
            raise CannotStart(DIED) from None
        if isinstance(result, CannotStart):
            raise result
        assert isinstance(result, FirstStart)  # noqa: S101 - the other thing that `_send_result` sends
        return result


def _send_result(prepare: Callable[[], FirstStart], sending: Connection) -> None:
    try:
        sending.send(prepare())
    except CannotStart as exc:
        sending.send(exc)
