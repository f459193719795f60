"""RabbitMQ as the broker, by kombu's AMQP transport.

The queues have two priorities: what is put at the head has the higher one. RabbitMQ keeps the order within a priority.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

from amqp.exceptions import AMQPError
from kombu import Connection, Queue
from kombu.connection import ConnectionPool
from kombu.exceptions import KombuError
from kombu.pools import ProducerPool

from conversations.brokers.messages import CONTENT_TYPE, ENCODING, PERSISTENT, Message
from conversations.brokers.protocol import BrokerAway

# As for Redis (stores/redis_clients.py): somebody waits for the command.
TIMEOUT_SECONDS = 1.0
HEAD_PRIORITY = 1
# A worker's connection that is silent for twice as long is taken for lost, by either side.
HEARTBEAT_SECONDS = 10
# As many as a process has threads that wake workers at once. Others wait for one of these.
CONNECTIONS = 8
TRANSPORT_OPTIONS = {"confirm_publish": True, "read_timeout": TIMEOUT_SECONDS, "write_timeout": TIMEOUT_SECONDS}
# At once, on another connection: the first may have broken while it was idle.
RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0}

Result = TypeVar("Result")


def queue(name: str) -> Queue:
    """Made by whoever comes first. Workers take it from here too: RabbitMQ refuses other arguments later."""
    return Queue(name, routing_key=name, max_priority=HEAD_PRIORITY, durable=True)


class AmqpBroker:
    def __init__(self, url: str, *, queues: Sequence[str]) -> None:
        self._url = url
        self._queues = queues

    def celery_options(self) -> dict[str, Any]:
        return {
            "broker_url": self._url,
            "broker_heartbeat": HEARTBEAT_SECONDS,
            "task_queues": [queue(name) for name in self._queues],
        }

    def send(self, messages: Sequence[Message], *, queue: str, at_head: bool) -> None:
        """Waits for RabbitMQ to confirm: a connection that broke while it was idle would swallow the first message."""
        self._try(lambda: self._publish(messages, name=queue, priority=HEAD_PRIORITY if at_head else 0))

    def _publish(self, messages: Sequence[Message], *, name: str, priority: int) -> None:
        with self._producers.acquire(block=True, timeout=TIMEOUT_SECONDS) as producer:
            for message in messages:
                producer.publish(
                    message.body,
                    content_type=CONTENT_TYPE,
                    content_encoding=ENCODING,
                    headers=message.headers,
                    routing_key=name,
                    delivery_mode=PERSISTENT,
                    priority=priority,
                    declare=[queue(name)],
                    retry=True,
                    retry_policy=RETRY_POLICY,
                    **message.properties,
                )

    def next_messages(self, queue: str, *, most: int) -> list[bytes]:
        """Takes them without acknowledging: when the channel is closed, RabbitMQ puts them back where they were."""
        return self._try(lambda: self._peek(queue, most=most))

    def _peek(self, name: str, *, most: int) -> list[bytes]:
        bodies: list[bytes] = []
        with self._channel(name) as channel:
            while len(bodies) < most and (message := channel.basic_get(name, no_ack=False)) is not None:
                bodies.append(message.body if isinstance(message.body, bytes) else message.body.encode())
        return bodies

    def has_messages(self, queue: str) -> bool:
        return self._try(lambda: self._count(queue) > 0)

    def _count(self, name: str) -> int:
        with self._channel(name) as channel:
            return int(channel.queue_declare(name, passive=True).message_count)

    @contextmanager
    def _channel(self, name: str) -> Iterator[Any]:
        """A channel of its own; the queue exists."""
        with self._connections.acquire(block=True, timeout=TIMEOUT_SECONDS) as connection:
            connection.ensure_connection(**RETRY_POLICY, timeout=TIMEOUT_SECONDS)
            with connection.channel() as channel:
                queue(name)(channel).declare()
                yield channel

    def _try(self, ask: Callable[[], Result]) -> Result:
        try:
            return ask()
        except (AMQPError, KombuError, OSError) as exc:
            raise BrokerAway(exc, has_waited=isinstance(exc, TimeoutError)) from exc

    @cached_property
    def _connections(self) -> ConnectionPool:
        connection = Connection(self._url, connect_timeout=TIMEOUT_SECONDS, transport_options=TRANSPORT_OPTIONS)
        return connection.Pool(limit=CONNECTIONS)

    @cached_property
    def _producers(self) -> ProducerPool:
        return ProducerPool(self._connections, limit=CONNECTIONS)
