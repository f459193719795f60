"""No attack, but as bad: a store is frozen, and everything waits for it."""

import os
import signal
import time
from collections.abc import Iterable

from tests.attacks.target import Attack, Target
from tests.journeys import processes

FROZEN_SECONDS = 20.0


def frozen(role: str) -> Attack:
    def attack(target: Target) -> Iterable[object]:
        """Stop all processes of the store (SIGSTOP), and resume them later."""
        stopped = [found.pid for found in _store(target, role)]
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(FROZEN_SECONDS)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        return [f"{role} process stopped" for _ in stopped]

    return attack


def _store(target: Target, role: str) -> list[processes.Process]:
    everybody = {found.pid: found for found in processes.descendants(target.service_pid)}
    roots = {found.pid for found in everybody.values() if found.role == role and found.parent == target.service_pid}
    return [found for found in everybody.values() if found.pid in roots or found.parent in roots]


ATTACKS: dict[str, Attack] = {"frozen-database": frozen("postgres"), "frozen-redis": frozen("valkey")}
