"""A part of the CPU time of a document, after which a simpler way to read it takes over."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):
    """No Exception, because parsers go on after those."""


@contextmanager
def of_cpu(seconds: float) -> Iterator[None]:
    """Raises OutOfTime in the block, between two steps of Python code: one long call into C is not interrupted."""

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
