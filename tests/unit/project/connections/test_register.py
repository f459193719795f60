"""The timer that looks at all connections of a process."""

import asyncio

from project.connections.register import Register


class Clock(asyncio.SelectorEventLoop):
    now = 1_000.0

    def time(self) -> float:
        return self.now


class Looked:
    def __init__(self) -> None:
        self.elapsed: list[float] = []

    def abort(self) -> None: ...

    def look(self, *, now: float, elapsed: float) -> None:
        self.elapsed.append(elapsed)


def looks_after(*seconds: float) -> list[float]:
    """What a connection was told at each look, with so many seconds between the turns of the loop."""
    clock = Clock()
    looked = Looked()
    Register(loop=clock, most=None, look_seconds=1.0).admit(looked)
    for pause in seconds:
        clock.now += pause
        clock.call_soon(clock.stop)
        clock.run_forever()
    clock.close()
    return looked.elapsed


def test_looks_every_second() -> None:
    assert looks_after(0.5, 0.5, 0.5, 0.5, 1.0) == [1.0, 1.0, 1.0]


def test_judges_nobody_after_a_pause_of_its_own() -> None:
    """What came during it is still unread."""
    assert looks_after(30.0, 1.0) == [1.0]
