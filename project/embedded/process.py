"""Starts children that can never outlive their parent. The supervisor and the tests start every process here."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Loaded before any fork: a child between fork and exec must not import or load anything.
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def keep_identity() -> None:
    """The child keeps the user of its parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process to start.

    `become` runs in the child before exec. `stop_signal` asks it to finish its work and end; `death_signal` ends it at
    once, also when its parent dies.
    """

    args: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    become: Callable[[], None] = keep_identity
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()


def start(command: Command, *, output: int | None) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own. Both its streams go to the descriptor `output`; None discards them.

    Only to be called from the main thread: the death signal is tied to the thread that forks. Raises OSError or
    subprocess.SubprocessError.
    """
    return subprocess.Popen(  # noqa: S603 - the programs are our own
        command.args,
        env=command.env,
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if output is None else output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops its children in order
        pass_fds=command.pass_fds,
        preexec_fn=_preparation(command),  # noqa: PLW1509 - it takes no lock that another thread may hold
    )


def run(command: Command) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end and return its output. Raises OSError or subprocess.SubprocessError."""
    return subprocess.run(  # noqa: S603 - as above
        command.args,
        env=command.env,
        cwd=command.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        preexec_fn=_preparation(command),
    )


def die_with_parent(*, parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send `death_signal` to this process when its parent ends. Only on Linux.

    A child that becomes another user or enters a namespace must do that first: both clear it.
    """
    if sys.platform != "linux":
        return
    if _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    # The parent may have died before the kernel was asked.
    if os.getppid() != parent:
        os._exit(1)


def _preparation(command: Command) -> Callable[[], None]:
    """What the child does between fork and exec."""
    parent = os.getpid()

    def prepare() -> None:
        command.become()
        die_with_parent(parent=parent, death_signal=command.death_signal)

    return prepare
