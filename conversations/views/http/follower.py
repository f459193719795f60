"""This event loop's one connection to the relay, which brings the events of all runs that are read here."""

from django.conf import settings

from conversations.loop_local import LoopLocal
from conversations.relay.follow import Follower

_FOLLOWER = LoopLocal(lambda: Follower(settings.REDIS_URL))


def follower() -> Follower:
    return _FOLLOWER.get()
