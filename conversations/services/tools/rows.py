"""What is the same for tools and for MCP servers: how their rows are made, changed, enabled and deleted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from conversations.errors import InvalidRequest, NotFound
from conversations.models import McpServer, Tool
from conversations.models.tools.tools import TIMEOUT_MAX_SECONDS
from conversations.outbound.guard import CheckedUrl
from conversations.rules import tools as rules
from conversations.services.accounts import quotas
from conversations.services.accounts.quotas import Quota
from conversations.services.tools import headers as tool_headers
from conversations.stores import refusals

NAMES_TAKEN = ("tool_name_is_unique_in_its_account", "mcp_server_name_is_unique_in_its_account")

Row = TypeVar("Row", Tool, McpServer)


@dataclass(frozen=True, slots=True)
class Fields:
    """What a caller says of a row. None: not given, and so as it is, or as it is without being said."""

    name: str | None = None
    url: CheckedUrl | None = None
    headers: Mapping[str, str] | None = None
    needs_approval: bool | None = None
    timeout_seconds: int | None = None
    is_enabled: bool | None = None


FieldsOfRow = TypeVar("FieldsOfRow", bound=Fields)
# Sets in a row what is given; the names of its columns. Raises InvalidRequest.
Apply = Callable[[Row, FieldsOfRow], list[str]]


def check(fields: Fields) -> None:
    """Raises InvalidRequest."""
    if fields.name is not None:
        rules.check_name(fields.name)
    if fields.timeout_seconds is not None and not 1 <= fields.timeout_seconds <= TIMEOUT_MAX_SECONDS:
        raise InvalidRequest(f"timeout_seconds must be from 1 to {TIMEOUT_MAX_SECONDS}", param="timeout_seconds")
    if fields.url is not None and "#" in fields.url:
        raise InvalidRequest("url: what follows # is not sent", param="url")


def insert(row: Tool | McpServer, *, quota: Quota) -> None:
    """Raises InvalidRequest, also without a name or a URL, and QuotaExceeded."""
    for param in ("name", "url"):
        if not getattr(row, param):
            raise InvalidRequest(f"{param} is required", param=param)
    with _name_stays_free(type(row)), transaction.atomic():
        rows = type(row).objects.for_account(row.account_id)
        quotas.check_count(account_id=row.account_id, quota=quota, rows=rows)
        _check_name_is_free(row)
        row.save(force_insert=True)


def change(
    model: type[Row], *, account_id: int, public_id: str, fields: FieldsOfRow, apply: Apply[Row, FieldsOfRow]
) -> None:
    """Raises NotFound and InvalidRequest."""
    with _name_stays_free(model), transaction.atomic():
        own = model.objects.for_account(account_id).filter(public_id=public_id)
        if (row := own.select_for_update(no_key=True).first()) is None:
            raise _not_found(model)
        if fields.url is not None:
            tool_headers.check_move(row, url=fields.url, headers=fields.headers)
        changed: list[str] = apply(row, fields)
        if fields.name is not None:
            _check_name_is_free(row)
        row.changed_at = Now()
        row.save(update_fields=[*changed, "changed_at"])


def set_enabled(model: type[Tool] | type[McpServer], *, keys: list[int], is_enabled: bool) -> int:
    """How many were not so before."""
    changed = model.objects.filter(pk__in=keys, is_enabled=not is_enabled)
    return changed.update(is_enabled=is_enabled, changed_at=Now())


def delete(model: type[Tool] | type[McpServer], *, account_id: int, public_id: str) -> None:
    """With its headers. Raises NotFound."""
    deleted, _ = model.objects.for_account(account_id).filter(public_id=public_id).delete()
    if not deleted:
        raise _not_found(model)


def _check_name_is_free(row: Tool | McpServer) -> None:
    """Looked for first: PostgreSQL logs a refused row with its values. Raises InvalidRequest."""
    others = type(row).objects.for_account(row.account_id).exclude(pk=row.pk)
    if others.filter(name=row.name).exists():
        raise _name_is_taken(type(row))


@contextmanager
def _name_stays_free(model: type[Tool] | type[McpServer]) -> Iterator[None]:
    """To be entered before the transaction: another may take the name in the same moment. Raises InvalidRequest."""
    try:
        yield
    except IntegrityError as exc:
        if refusals.constraint(exc) not in NAMES_TAKEN:
            raise
        raise _name_is_taken(model) from exc


def _name_is_taken(model: type[Tool] | type[McpServer]) -> InvalidRequest:
    return InvalidRequest(f"Another {model._meta.verbose_name} has this name.", param="name")


def _not_found(model: type[Tool] | type[McpServer]) -> NotFound:
    return NotFound(f"{model._meta.verbose_name} not found")
