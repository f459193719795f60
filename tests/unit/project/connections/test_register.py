"""The timer that checks all connections of a process."""

import asyncio

from project.connections.register import Register


class Clock(asyncio.SelectorEventLoop):
    now = 1_000.0

    def time(self) -> float:
        return self.now


class Checked:
    def __init__(self) -> None:
        self.elapsed: list[float] = []

    def abort(self) -> None: ...

    def check(self, *, now: float, elapsed: float) -> None:
        self.elapsed.append(elapsed)


def checks_after(*seconds: float) -> list[float]:
    """The elapsed time given at each check, with so many seconds between the iterations of the loop."""
    clock = Clock()
    checked = Checked()
    Register(loop=clock, most=None, check_seconds=1.0).admit(checked)
    for pause in seconds:
        clock.now += pause
        clock.call_soon(clock.stop)
        clock.run_forever()
    clock.close()
    return checked.elapsed


def test_checks_every_second() -> None:
    assert checks_after(0.5, 0.5, 0.5, 0.5, 1.0) == [1.0, 1.0, 1.0]


def test_checks_no_connection_after_a_pause_of_the_loop() -> None:
    """Bytes that arrived during it are still unread."""
    assert checks_after(30.0, 1.0) == [1.0]
