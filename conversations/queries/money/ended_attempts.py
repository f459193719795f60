"""Attempts of runs as lines of usage, in the order in which they ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import structlog
from django.db import connection

from conversations.queries.money import costs
from conversations.rules.money import usage_lines
from conversations.rules.prices import beside
from conversations.rules.prices.beside import PricedBeside
from conversations.rules.prices.price_book import ModelPrices, PriceBook
from conversations.values.usage import Sums, UsageLine
from providers import serialization
from providers.messages import Usage

log = structlog.get_logger(__name__)

VENDOR_MAX_CHARS, MODEL_MAX_CHARS = 50, 200

# An attempt has ended its run when it is the run's last and the run was in progress then: a run that was put back and
# cancelled while it waited has no `claimed_at`.
# The usage of a run is that of all its attempts whose steps it went on from, so a later one's own is taken.
# Everything is found by keys: attempts by their ids, the end of a run in the ledger by run_is_paid_once.
_ATTEMPTS = """
SELECT a.id, a.account_id, owner.erased_at IS NOT NULL AS is_erased, owner.markup_percent,
       how.is_end, a.outcome = 'requires_action' AS is_pause,
       (CASE WHEN how.is_end THEN r.finished_at ELSE a.ended_at END AT TIME ZONE 'UTC')::date AS day,
       r.model, COALESCE(r.api_key_id, 0) AS api_key_key, c.id AS conversation_id, r.public_id, r.created_at,
       CASE WHEN how.is_end AND (a.number = 1 OR a.usage IS NULL) THEN r.usage ELSE a.usage END AS usage, a.target,
       -COALESCE(l.amount, p.amount) AS paid, l.kind = 'release' AS is_released,
       COALESCE(l.written_off, p.written_off, 0) AS written_off, COALESCE(l.explanation, p.explanation) AS explanation
FROM (
  SELECT * FROM conversations_runattempt
  WHERE id > %(after)s AND id <= %(until)s AND {condition} ORDER BY id LIMIT %(most)s
) a
JOIN conversations_account owner ON owner.id = a.account_id
JOIN conversations_run r ON r.id = a.run_id AND r.account_id = a.account_id
CROSS JOIN LATERAL (
  SELECT r.finished_at IS NOT NULL AND r.claimed_at IS NOT NULL AND r.attempt = a.number AS is_end
) how
LEFT JOIN conversations_conversation c
  ON c.id = r.conversation_id AND c.account_id = a.account_id AND c.deleted_at IS NULL
LEFT JOIN conversations_ledgerentry l
  ON l.account_id = a.account_id AND l.run_id = a.run_id AND l.kind IN ('settle', 'release') AND how.is_end
LEFT JOIN conversations_ledgerentry p
  ON p.account_id = a.account_id AND p.run_id = a.run_id AND p.kind = 'pause' AND a.outcome = 'requires_action'
  AND (p.explanation->>'attempt')::int = a.number
ORDER BY a.id
"""
_OF_ALL = _ATTEMPTS.format(condition="true")
_OF_ACCOUNT = _ATTEMPTS.format(condition="account_id = %(account)s")


@dataclass(frozen=True, slots=True)
class Batch:
    """`last`: the id of the last attempt that was read, also when it adds no line; None when there was none."""

    lines: list[UsageLine]
    last: int | None
    read: int


def read(*, after: int, until: int, most: int, book: PriceBook, account_id: int | None = None) -> Batch:
    """At most so many attempts with ids behind `after`, up to `until`, as lines; of all accounts unless one is given.

    Erased accounts have none.
    """
    sql = _OF_ALL if account_id is None else _OF_ACCOUNT
    with connection.cursor() as cursor:
        cursor.execute(sql, {"after": after, "until": until, "most": most, "account": account_id})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    lines = [line for row in rows if not row["is_erased"] for line in _lines(row, book)]
    return Batch(lines, rows[-1]["id"] if rows else None, len(rows))


def _lines(row: Mapping[str, Any], book: PriceBook) -> Iterator[UsageLine]:
    vendor, upstream_model = costs.vendor_and_model(row["target"])
    usage = _usage(row)
    used = beside.priced(usage.beside, book, at=row["created_at"]) if usage is not None else []
    prices = None
    if usage is not None and vendor and not row["explanation"]:
        prices = book.prices_of(vendor=vendor, model=upstream_model, at=row["created_at"])
    if sums := _sums(row, usage, prices, used):
        yield _line(row, vendor, upstream_model, sums)
    for one in used:
        yield _line(row, one.used.vendor, one.used.model, usage_lines.of_beside(one))


def _line(row: Mapping[str, Any], vendor: str, upstream_model: str, sums: Sums) -> UsageLine:
    return UsageLine(
        account_id=row["account_id"],
        day=row["day"],
        model=row["model"],
        api_key_key=row["api_key_key"],
        conversation_id=row["conversation_id"],
        vendor=vendor[:VENDOR_MAX_CHARS],
        upstream_model=upstream_model[:MODEL_MAX_CHARS],
        is_put_back=not (row["is_end"] or row["is_pause"]),
        sums=sums,
    )


def _sums(
    row: Mapping[str, Any],
    usage: Usage | None,
    prices: ModelPrices | None,
    used: Sequence[PricedBeside],
) -> Sums | None:
    if not (row["is_end"] or row["is_pause"]):
        return None if usage is None else usage_lines.of_put_back(usage, prices=prices)
    counted = usage_lines.of_end if row["is_end"] else usage_lines.of_pause
    return counted(
        usage,
        prices=prices,
        markup_percent=row["markup_percent"],
        paid=row["paid"] or Decimal(0),
        is_released=bool(row["is_released"]),
        written_off=row["written_off"],
        explanation=_json(row["explanation"]),
        beside=used,
    )


def _usage(row: Mapping[str, Any]) -> Usage | None:
    """None for what cannot be read, which a later release may have written."""
    stored = _json(row["usage"])
    if stored is None:
        return None
    try:
        return serialization.load_usage(stored)
    except serialization.UnreadableStoredForm:
        log.exception("usage_not_read", run_id=row["public_id"])
        return None


def _json(stored: str | None) -> Any:
    """Django's cursors leave JSON as text."""
    return None if stored is None else orjson.loads(stored)


def newest() -> int:
    """The highest id of an attempt; 0 without any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM conversations_runattempt")
        return int(cursor.fetchone()[0])
