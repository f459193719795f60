"""One attack in its own process: `python -m tests.attacks.attacker NAME` reads the target and prints the results."""

import sys
from collections import Counter

from tests.attacks.kinds import (
    called_tools,
    client_tokens,
    frozen_stores,
    knowledge,
    large_bodies,
    shared_resources,
    slow_sockets,
    without_key,
    yuju_siblings,
)
from tests.attacks.target import Attack, Target
from tests.bench.__main__ import allow_open_files

ATTACKS: dict[str, Attack] = {
    **slow_sockets.ATTACKS,
    **without_key.ATTACKS,
    **large_bodies.ATTACKS,
    **shared_resources.ATTACKS,
    **frozen_stores.ATTACKS,
    **called_tools.ATTACKS,
    **knowledge.ATTACKS,
    **client_tokens.ATTACKS,
    **yuju_siblings.ATTACKS,
}


def main() -> None:
    allow_open_files()
    target = Target.read(sys.stdin.buffer.readline())
    came = Counter(str(each) for each in ATTACKS[sys.argv[1]](target))
    sys.stdout.write(", ".join(f"{count} x {what}" for what, count in came.most_common(4)))


if __name__ == "__main__":
    main()
