"""Knowledge bases: made, renamed, deleted, and re-indexed into a second generation beside the one that serves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from conversations import broker, errors
from conversations.models import KnowledgeBase
from conversations.models.knowledge.bases import BASE_NAME_MAX_CHARS
from conversations.queries.knowledge import bases as base_queries
from conversations.rules import texts
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.knowledge import embedding_names, index
from conversations.services.transactions import retry_on_deadlock
from conversations.stores import refusals

NAME_CONSTRAINT = "base_has_a_name_of_its_own"
TAKEN = "You have a knowledge base of this name."


def create(*, account_id: int, name: str, embedding: str = "", allowed_models: Sequence[str] = ()) -> KnowledgeBase:
    """Raises InvalidRequest, ModelForbidden, Duplication when the account has a base of this name, and QuotaExceeded.

    `allowed_models`: patterns of those that the caller's key may use, if not all.
    """
    name, embedding = _named(name), embedding_names.checked(embedding, allowed=allowed_models)
    with _own_name(), transaction.atomic():
        existing = base_queries.of_account(account_id=account_id)
        quotas.check_count(account_id=account_id, quota=Quota.KNOWLEDGE_BASES, rows=existing)
        _check_name_is_free(existing, name)
        base = KnowledgeBase.objects.create(
            account_id=account_id, name=name, embedding=embedding, index_version=index.VERSION
        )
    return base_queries.for_account(account_id=account_id, base_id=base.public_id)


def rename(*, account_id: int, base_id: str, name: str) -> KnowledgeBase:
    """Raises NotFound, InvalidRequest and Duplication."""
    name = _named(name)
    base = base_queries.for_account(account_id=account_id, base_id=base_id)
    with _own_name(), transaction.atomic():
        existing = base_queries.of_account(account_id=account_id)
        _check_name_is_free(existing.exclude(pk=base.pk), name)
        existing.filter(pk=base.pk).update(name=name)
    return base_queries.for_account(account_id=account_id, base_id=base_id)


@retry_on_deadlock
def change(
    *,
    account_id: int,
    base_id: str,
    name: str | None = None,
    embedding: str | None = None,
    allowed_models: Sequence[str] = (),
) -> None:
    """Another name; with another embedding it is re-indexed. None for what stays. All of it or nothing.

    Raises as `rename` and `reindex`.
    """
    with transaction.atomic():
        if name is not None:
            rename(account_id=account_id, base_id=base_id, name=name)
        if embedding is not None and embedding != _coming_embedding(account_id, base_id):
            reindex(account_id=account_id, base_id=base_id, embedding=embedding, allowed_models=allowed_models)


def _coming_embedding(account_id: int, base_id: str) -> str:
    """That of the generation that is being made, if there is one."""
    base = base_queries.for_account(account_id=account_id, base_id=base_id)
    return base.embedding if base.next_generation is None else base.next_embedding


@retry_on_deadlock
def delete(*, account_id: int, base_id: str) -> None:
    """Nobody finds it any more when this returns; its documents are deleted in batches (`base_upkeep`).

    Raises NotFound.
    """
    with transaction.atomic():
        base = lock(account_id=account_id, base_id=base_id)
        KnowledgeBase.objects.filter(pk=base.pk).update(name="", deleted_at=Now(), reindex_error="")
        broker.wake_erasures()


@retry_on_deadlock
def reindex(
    *, account_id: int, base_id: str, embedding: str | None = None, allowed_models: Sequence[str] = ()
) -> KnowledgeBase:
    """Begins a second generation, with another embedding if one is given. Until it is whole the first one serves.

    Raises NotFound, InvalidRequest, ModelForbidden, and KnowledgeBusy while an earlier one is being made or deleted.
    """
    if embedding is not None:
        embedding = embedding_names.checked(embedding, allowed=allowed_models)
    with transaction.atomic():
        base = lock(account_id=account_id, base_id=base_id)
        if base.next_generation is not None or base.stale_generation is not None:
            raise errors.KnowledgeBusy("The knowledge base is being re-indexed.")
        KnowledgeBase.objects.filter(pk=base.pk).update(
            next_generation=base.last_generation + 1,
            last_generation=base.last_generation + 1,
            next_embedding=base.embedding if embedding is None else embedding,
            planned_to=0,
            reindex_error="",
        )
        broker.wake_erasures()
    return base_queries.for_account(account_id=account_id, base_id=base_id)


def lock(*, account_id: int, base_id: str) -> KnowledgeBase:
    """The first of the locks that a transaction takes in a base. Raises NotFound, also for one deleted meanwhile."""
    known = base_queries.for_account(account_id=account_id, base_id=base_id)
    own = KnowledgeBase.objects.for_account(account_id).filter(pk=known.pk, deleted_at=None)
    if (base := own.select_for_update(no_key=True).first()) is None:
        raise errors.NotFound(base_queries.NOT_FOUND)
    return base


def _check_name_is_free(others: QuerySet[KnowledgeBase], name: str) -> None:
    """Looked for first: PostgreSQL logs a refused row with its values. Raises Duplication."""
    if others.filter(name=name).exists():
        raise errors.Duplication(TAKEN)


@contextmanager
def _own_name() -> Iterator[None]:
    """Turns the database's refusal of a second base of the same name into an error for the caller."""
    try:
        yield
    except IntegrityError as exc:
        if refusals.constraint(exc) == NAME_CONSTRAINT:
            raise errors.Duplication(TAKEN) from exc
        raise


def _named(name: str) -> str:
    return texts.named(name, param="name", most=BASE_NAME_MAX_CHARS)
