"""Children that are forked from this process and run what it has imported already (`warm`)."""

import contextlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import ForkProcess

import setproctitle

from project.embedded import process
from project.embedded.process import Command
from project.supervisor.signals import STOP_SIGNALS

# macOS has no safe fork: its frameworks start threads. A child there is a program of its own (`programs.child`).
IS_SAFE = sys.platform == "linux"
# As shells report a program that SIGINT ended.
INTERRUPTED = 128 + signal.SIGINT
_CONTEXT = multiprocessing.get_context("fork")
_OWN_SIGNALS = (*STOP_SIGNALS, signal.SIGCHLD)


class Forked:
    """As much of `subprocess.Popen` as the supervisor uses."""

    def __init__(self, forked: ForkProcess) -> None:
        self._forked = forked

    @property
    def pid(self) -> int:
        return self._forked.pid or 0

    def poll(self) -> int | None:
        # Unlike `exitcode` this also has multiprocessing forget a process that has ended.
        self._forked.is_alive()
        return self._forked.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def module(command: Command, *, output: int | None) -> Forked:
    """Run a module as `python -m` does; `command.args` are its name and its arguments. As `process.start` otherwise."""

    def run() -> None:
        os.environ.clear()
        os.environ.update(command.env)
        if command.cwd:
            os.chdir(command.cwd)
        sys.argv = [*command.args]
        runpy.run_module(command.args[0], run_name="__main__", alter_sys=True)

    return call(run, title=" ".join(command.args), output=output, pass_fds=command.pass_fds)


def call(run: Callable[[], None], *, title: str, output: int | None, pass_fds: Sequence[int] = ()) -> Forked:
    """Run a function in a session of its own; `ps` shows the title. Raises OSError when there can be no more processes.

    Both its streams go to the descriptor `output`; None leaves them. It inherits no other descriptors but `pass_fds`.
    Only to be called from the main thread, and while there is no other: a lock that another thread holds would stay
    locked in the child.
    """
    # Its first call notes where the command line is, which must be before the environment changes.
    setproctitle.getproctitle()
    parent = os.getpid()

    def become() -> None:
        try:
            os.setsid()
            _forget_handlers()
            process.die_with_parent(parent=parent, death_signal=signal.SIGKILL)
            setproctitle.setproctitle(title)
            _keep_open(output=output, pass_fds=pass_fds)
            run()
        except KeyboardInterrupt:
            # Whoever sent it needs no traceback.
            sys.exit(INTERRUPTED)

    forked = _CONTEXT.Process(target=become)
    with _held_signals():
        forked.start()
    return Forked(forked)


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """A signal must not reach the supervisor's handlers in the child: a request to stop it would be lost."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _OWN_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OWN_SIGNALS)


def _forget_handlers() -> None:
    signal.set_wakeup_fd(-1)
    for number in _OWN_SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OWN_SIGNALS)


def _keep_open(*, output: int | None, pass_fds: Sequence[int]) -> None:
    """Close what is the supervisor's: its lock of the data directory, and the other children's pipes."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    first = 3
    for fd in (*sorted(pass_fds), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, fd)
        first = fd + 1
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a descriptor, for as long as the process lives
