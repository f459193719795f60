"""One attack in a process of its own. `python -m tests.attacks.attacker NAME` reads the ground and says what came."""

import sys
from collections import Counter

from tests.attacks import at_the_door, by_bodies, by_freezing, by_shares, by_strangers
from tests.attacks.ground import Attack, Ground
from tests.bench.__main__ import allow_open_files

ATTACKS: dict[str, Attack] = {
    **at_the_door.ATTACKS,
    **by_strangers.ATTACKS,
    **by_bodies.ATTACKS,
    **by_shares.ATTACKS,
    **by_freezing.ATTACKS,
}


def main() -> None:
    allow_open_files()
    ground = Ground.read(sys.stdin.buffer.readline())
    came = Counter(str(each) for each in ATTACKS[sys.argv[1]](ground))
    sys.stdout.write(", ".join(f"{count} x {what}" for what, count in came.most_common(4)))


if __name__ == "__main__":
    main()
