"""No attack, but as bad: a store that stands still, and everything waits for it."""

import os
import signal
import time
from collections.abc import Iterable

from tests.attacks.ground import Attack, Ground
from tests.journeys import processes

FROZEN_SECONDS = 20.0


def frozen(role: str) -> Attack:
    def attack(ground: Ground) -> Iterable[object]:
        """All processes of the store stop, and go on later as if nothing had been."""
        stopped = [found.pid for found in _store(ground, role)]
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(FROZEN_SECONDS)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        return [f"{role} process stopped" for _ in stopped]

    return attack


def _store(ground: Ground, role: str) -> list[processes.Process]:
    everybody = {found.pid: found for found in processes.descendants(ground.service_pid)}
    roots = {found.pid for found in everybody.values() if found.role == role and found.parent == ground.service_pid}
    return [found for found in everybody.values() if found.pid in roots or found.parent in roots]


ATTACKS: dict[str, Attack] = {"frozen-database": frozen("postgres"), "frozen-redis": frozen("valkey")}
