"""All rows of one wave: what is kept in memory until it is written in one transaction."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from django.db.models import Model

from conversations.models import (
    AssistedRun,
    Content,
    Conversation,
    Delivery,
    DeliveryAttempt,
    Dialogue,
    Event,
    IdempotencyKey,
    LedgerEntry,
    Message,
    Reading,
    Reference,
    Run,
    RunAttempt,
    RunStep,
    Task,
    ToolCall,
)
from conversations.services.sample_data.copying import ids_of
from conversations.services.sample_data.texts import Texts

TABLES: tuple[type[Model], ...] = (
    *(Conversation, Run, Message, RunAttempt, Reference, Task, IdempotencyKey),
    *(Dialogue, AssistedRun),
    *(RunStep, ToolCall, Content, Reading),
    *(Event, Delivery, DeliveryAttempt, LedgerEntry),
)
WITH_IDS: tuple[type[Model], ...] = (Conversation, Run, Message, Content, Event, Delivery)


class Source:
    """Where all rows come from: chance, texts, ids, and the moment at which the filling began.

    `context_random` is for what turns are given besides their messages: so that these are the same with more of it.
    """

    def __init__(self, *, random: Random, context_random: Random, now: datetime) -> None:
        self.random = random
        self.context_random = context_random
        self.now = now
        self.texts = Texts(random)
        self.ids: dict[type[Model], Iterator[int]] = {model: ids_of(model) for model in WITH_IDS}


class Wave:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows: dict[type[Model], list[dict[str, Any]]] = defaultdict(list)
        # What is added to balances, by account.
        self.paid: defaultdict[int, Decimal] = defaultdict(Decimal)
        # When visitors asked first and last, by key.
        self.seen: dict[int, tuple[datetime, datetime]] = {}
        # Events that get the next number of their account when they are written, with what they report.
        self.unnumbered: list[tuple[dict[str, Any], Mapping[str, Any]]] = []

    @property
    def messages(self) -> int:
        return len(self.rows[Message])
