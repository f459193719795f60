"""A program: has the parsers in memory, and forks a child for each document that comes over its socket.

A request is one byte with three descriptors: the file with the document, the file for the answer, and a pipe in which
the server writes how the child ended. When nobody holds the pipe's other end any more, nobody waits for the answer, and
the child is ended. When the socket is closed, the parent is dead or wants no more, and the server ends; its children
die with it.
"""

import contextlib
import gc
import logging
import math
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass

from conversations.extraction.process import child, reports, warming
from conversations.extraction.process.limits import Limits

_DESCRIPTORS = 3


@dataclass(slots=True)
class _Child:
    pid: int
    report_fd: int
    end_at: float
    is_late: bool = False


class Server:
    def __init__(self, control: socket.socket, limits: Limits, *, idle_seconds: float) -> None:
        self._control = control
        self._limits = limits
        self._idle_seconds = idle_seconds
        self._poll = select.poll()
        self._children: dict[int, _Child] = {}

    def run(self) -> None:
        """Until the other end of the socket is closed, or nothing has come for a while."""
        woken, wake = socket.socketpair()
        for end in (woken, wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for end in (woken, self._control):
            self._poll.register(end, select.POLLIN)
        while True:
            ready = {fd for fd, _ in self._poll.poll(self._milliseconds())}
            if woken.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    woken.recv(4096)
            self._end_children(ready)
            self._reap()
            is_open = self._control.fileno() not in ready or self._accept()
            if not is_open or not (ready or self._children):
                return

    def _milliseconds(self) -> float | None:
        if not self._children:
            return self._idle_seconds * 1000
        first = min(child.end_at for child in self._children.values())
        return None if math.isinf(first) else max(0.0, first - time.monotonic()) * 1000

    def _end_children(self, ready: set[int]) -> None:
        """Those that had their time, and those whose asker is gone: that is the only event of a report's pipe."""
        now = time.monotonic()
        for found in self._children.values():
            if now >= found.end_at:
                found.is_late = True
            elif found.report_fd not in ready:
                continue
            else:
                self._poll.unregister(found.report_fd)
            os.kill(found.pid, signal.SIGKILL)
            found.end_at = math.inf

    def _reap(self) -> None:
        for found in list(self._children.values()):
            pid, status = os.waitpid(found.pid, os.WNOHANG)
            if pid:
                del self._children[found.report_fd]
                with contextlib.suppress(KeyError):
                    self._poll.unregister(found.report_fd)
                code = os.waitstatus_to_exitcode(status)
                reports.write(found.report_fd, reports.LATE if found.is_late else reports.ended_with(code))

    def _accept(self) -> bool:
        """Begin with the document that has come. False when none can come any more."""
        try:
            byte, fds, _, _ = socket.recv_fds(self._control, 1, _DESCRIPTORS)
        except ConnectionError:
            return False
        if not byte or len(fds) != _DESCRIPTORS:
            return False
        question_fd, answer_fd, report_fd = fds
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # the system allows no more processes, or has no memory
            reports.write(report_fd, reports.NOT_STARTED)
        else:
            if pid == 0:
                child.run(self._limits, question_fd=question_fd, answer_fd=answer_fd, parent=parent)
            self._children[report_fd] = _Child(pid, report_fd, time.monotonic() + self._limits.wall_seconds)
            self._poll.register(report_fd, 0)
        os.close(question_fd)
        os.close(answer_fd)
        return True


def main(control_fd: int, memory_bytes: int, cpu_seconds: int, wall_seconds: float, idle_seconds: float) -> None:
    # What parsers log quotes the document.
    logging.disable()
    warming.warm()
    # A collection in a child would copy all pages that hold the parsers.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=control_fd) as control:
        Server(control, Limits(memory_bytes, cpu_seconds, wall_seconds), idle_seconds=idle_seconds).run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *map(float, sys.argv[4:6]))
