"""Bases whose vectors the vendor echo makes."""

from collections.abc import Iterator

import pytest
import redis
from django.db import connection

from conversations.models import KnowledgeBase
from conversations.workers.vectors import nearest
from tests.builders.factories import AccountFactory
from tests.builders.texts.passages import add_document, make_base, make_vectors

MODEL = "echo"
TEXTS = ["The cat sleeps on the mat.", "Refunds are paid within 14 days.", "A dog barks."]


@pytest.fixture
def base(valkey: redis.Redis) -> KnowledgeBase:
    return make_base(AccountFactory.create(), embedding=MODEL)


@pytest.fixture
def full_base(base: KnowledgeBase) -> KnowledgeBase:
    for text in TEXTS:
        add_document(base, text)
    make_vectors()
    return base


@pytest.fixture
def bytes_alone() -> Iterator[None]:
    """As where the database has no pgvector."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversations_passagevector ALTER numbers TYPE bytea USING NULL::bytea")
    nearest.has_pgvector.cache_clear()
    yield
    nearest.has_pgvector.cache_clear()
