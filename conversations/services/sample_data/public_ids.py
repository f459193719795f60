"""Public ids of a given moment, in the form of `conversations.ids`, from a seeded source of chance."""

import uuid
from datetime import datetime
from random import Random

from conversations import ids


def timed(prefix: str, at: datetime, random: Random) -> str:
    milliseconds = int(at.timestamp() * 1000)
    return f"{prefix}_{milliseconds:0{ids.TIME_DIGITS}x}{random.randbytes(ids.RANDOM_BYTES).hex()}"


def uuid4(random: Random) -> uuid.UUID:
    return uuid.UUID(int=random.getrandbits(128), version=4)
