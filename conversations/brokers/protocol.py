"""What `conversations.broker` asks of a broker."""

from collections.abc import Sequence
from typing import Any, Protocol

from conversations.brokers.messages import Message


class BrokerAway(ConnectionError):
    """The broker did not take the command, or did not answer. `has_waited`: it was waited for until a timeout."""

    def __init__(self, cause: BaseException, *, has_waited: bool) -> None:
        super().__init__(type(cause).__name__)
        self.has_waited = has_waited


class Broker(Protocol):
    """For all threads of a process. The methods about messages raise BrokerAway."""

    def celery_options(self) -> dict[str, Any]:
        """Celery's own settings, by which its workers take messages from this broker."""

    def send(self, messages: Sequence[Message], *, queue: str, at_head: bool) -> None:
        """Adds messages to the queue in their order; `at_head`: before all others, the first to be taken first."""

    def next_messages(self, queue: str, *, most: int) -> list[bytes]:
        """The bodies of the messages that will be taken next, in that order. They stay in the queue."""

    def has_messages(self, queue: str) -> bool: ...
