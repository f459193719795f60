"""The timer of the sweep, a thread of every upkeep process: with several of them, a sweep is asked for more often.

It only puts a wake-up into the queue, unless one is in it already; `sweep` sees to it that one sweep at a time acts.
"""

import time
from threading import Thread

from conversations import broker
from conversations.services import one_by_one

SWEEP_SECONDS = 3.0


def start() -> None:
    Thread(target=_run, name="sweep-timer", daemon=True).start()


def _run() -> None:
    while True:
        one_by_one.try_step("sweep_timer", "wake", broker.wake_sweep)
        time.sleep(SWEEP_SECONDS)
