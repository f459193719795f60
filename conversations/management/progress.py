"""Progress of a command: a bar on a terminal, lines elsewhere."""

from django.core.management.base import OutputWrapper

BAR_CHARS = 30
# Where nobody watches, a line at every so many hundredths.
LINES_EVERY_PERCENT = 10


class Progress:
    def __init__(self, out: OutputWrapper, *, total: int, unit: str) -> None:
        self._out = out
        self._total = total
        self._unit = unit
        self._shown_percent = 0

    def show(self, done: int) -> None:
        share = min(1.0, done / self._total) if self._total else 1.0
        percent = int(share * 100)
        if self._out.isatty():
            bar = "#" * int(share * BAR_CHARS)
            ending = "\n" if share == 1 else ""
            self._out.write(f"\r[{bar:<{BAR_CHARS}}] {percent:3} % {done:,} {self._unit}", ending=ending)
            self._out.flush()
        elif percent >= self._shown_percent + LINES_EVERY_PERCENT or share == 1:
            self._shown_percent = percent
            self._out.write(f"{percent} % {done:,} {self._unit}")
            self._out.flush()
