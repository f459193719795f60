"""Starting a child that can never outlive its parent. Both the supervisor and the tests start everything here."""

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


def stay_as_is() -> None:
    """The child runs as whoever started it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One process to start. `become` runs in the child before exec; the two signals say how it wants to end."""

    args: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    become: Callable[[], None] = stay_as_is
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()


def start(command: Command, *, output: int | None) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, both its streams going to `output` (a descriptor, or None: nowhere).

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
        start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone, and it decides the order.
        pass_fds=command.pass_fds,
        preexec_fn=_preparation(command),  # noqa: PLW1509 - it waits for no lock of another thread
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


def _preparation(command: Command) -> Callable[[], None]:
    """What the child does between fork and exec."""
    parent = os.getpid()

    def prepare() -> None:
        command.become()
        _die_with_parent(parent=parent, death_signal=command.death_signal)

    return prepare


def _die_with_parent(*, parent: int, death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when the parent ends. Elsewhere than on Linux nothing is asked.

    It comes last before exec: a change of user or of namespace forgets it.
    """
    if sys.platform != "linux":
        return
    if _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    # The parent may have died before the kernel was asked.
    if os.getppid() != parent:
        os._exit(1)
