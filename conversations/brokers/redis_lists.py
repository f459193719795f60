"""Redis as the broker: a queue is a list, as kombu's Redis transport has it. Workers take from the right."""

import uuid
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import orjson
import redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from conversations.brokers.messages import CONTENT_TYPE, ENCODING, PERSISTENT, Message
from conversations.brokers.protocol import BrokerAway
from conversations.stores import redis_clients


class RedisBroker:
    """`url` may be that of the Redis with the live logs: then both share their connections."""

    def __init__(self, url: str) -> None:
        self._url = url

    def celery_options(self) -> dict[str, Any]:
        return {
            "broker_url": self._url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1),
            # So that a lost connection is noticed within seconds and nobody who enqueues hangs.
            "broker_transport_options": {
                "socket_timeout": 30,
                "socket_connect_timeout": 5,
                "socket_keepalive": True,
                # Messages that a worker has taken and not begun are in its memory only. Noting them in Redis would
                # cost six commands a turn, and the sweep finds the runs of a dead worker anyway.
                "ack_emulation": False,
            },
        }

    def send(self, messages: Sequence[Message], *, queue: str, at_head: bool) -> None:
        try:
            if at_head:
                # Workers take from the right, so the first to be taken is pushed last.
                self._client.rpush(queue, *[_envelope(message, queue=queue) for message in reversed(messages)])
            else:
                self._client.lpush(queue, *[_envelope(message, queue=queue) for message in messages])
        except RedisError as exc:
            raise _away(exc) from exc

    def next_messages(self, queue: str, *, most: int) -> list[bytes]:
        try:
            found: Any = self._client.lrange(queue, -most, -1)
        except RedisError as exc:
            raise _away(exc) from exc
        return [body for envelope in reversed(found) if (body := _body(envelope)) is not None]

    def has_messages(self, queue: str) -> bool:
        try:
            return bool(self._client.llen(queue))
        except RedisError as exc:
            raise _away(exc) from exc

    @property
    def _client(self) -> redis.Redis:
        return redis_clients.hurried(self._url)


def _away(exc: RedisError) -> BrokerAway:
    return BrokerAway(exc, has_waited=isinstance(exc, RedisTimeout))


def _envelope(message: Message, *, queue: str) -> bytes:
    """The message in the envelope of kombu's virtual transports."""
    properties = {
        **message.properties,
        "delivery_mode": PERSISTENT,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    return orjson.dumps(
        {
            "body": b64encode(message.body).decode(),
            "content-encoding": ENCODING,
            "content-type": CONTENT_TYPE,
            "headers": message.headers,
            "properties": properties,
        }
    )


def _body(envelope: bytes) -> bytes | None:
    """None for what is no message."""
    try:
        return b64decode(orjson.loads(envelope)["body"])
    except (ValueError, LookupError, TypeError):
        return None
