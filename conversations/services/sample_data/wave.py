"""All rows of one wave: what is kept in memory until it is written in one transaction."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Any

from django.db.models import Model

from conversations.models import (
    Conversation,
    Delivery,
    DeliveryAttempt,
    Event,
    IdempotencyKey,
    Message,
    Reference,
    Run,
    RunAttempt,
    Task,
)
from conversations.services.sample_data.copying import ids_of
from conversations.services.sample_data.texts import Texts

TABLES: tuple[type[Model], ...] = (
    *(Conversation, Run, Message, RunAttempt, Reference, Task, IdempotencyKey),
    *(Event, Delivery, DeliveryAttempt),
)
WITH_IDS: tuple[type[Model], ...] = (Conversation, Run, Message, Event, Delivery)


class Source:
    """Where all rows come from: chance, texts, ids, and the moment at which the filling began."""

    def __init__(self, *, random: Random, now: datetime) -> None:
        self.random = random
        self.now = now
        self.texts = Texts(random)
        self.ids: dict[type[Model], Iterator[int]] = {model: ids_of(model) for model in WITH_IDS}


class Wave:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows: dict[type[Model], list[dict[str, Any]]] = defaultdict(list)
        # Events that get the next number of their account when they are written, with what they report.
        self.unnumbered: list[tuple[dict[str, Any], Mapping[str, Any]]] = []

    @property
    def messages(self) -> int:
        return len(self.rows[Message])
