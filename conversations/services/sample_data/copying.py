"""Rows to the database by COPY, ids from the tables' sequences, and public ids of a given moment.

A row is a dict by attribute (`account_id`, not `account`). What a row does not give gets its default, so that a new
column that has one changes nothing here.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from random import Random
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.fields import NOT_PROVIDED

from conversations import ids

Row = Mapping[str, Any]
# Drawn at once. What is left of them at the end is a gap in the ids, as a refused INSERT leaves one.
IDS = 5_000


def copy_rows(model: type[Model], rows: Sequence[Row]) -> None:
    """All rows must give the same attributes. Raises ValueError, and what the database refuses."""
    if not rows:
        return
    given = [field for field in model._meta.concrete_fields if field.attname in rows[0]]
    if len(given) < len(rows[0]):
        raise ValueError(f"{model.__name__} has not all of {sorted(rows[0])}")
    # Defaults that only Django knows; those of the database it sets itself.
    defaults = [
        (field.column, field.get_default())
        for field in model._meta.concrete_fields
        if field not in given and field.has_default() and field.db_default is NOT_PROVIDED
    ]
    names = [*(field.column for field in given), *(column for column, _ in defaults)]
    columns = ", ".join(connection.ops.quote_name(str(name)) for name in names)
    values = itemgetter(*(field.attname for field in given))
    constant = tuple(value for _, value in defaults)
    with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((*values(row), *constant))


def ids_of(model: type[Model]) -> Iterator[int]:
    """Ids that nobody else gets, in ascending order; the service may run meanwhile."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [model._meta.db_table, IDS],
            )
            drawn = [row_id for (row_id,) in cursor.fetchall()]
        yield from drawn


def timed(prefix: str, at: datetime, random: Random) -> str:
    """A public id in the form of `conversations.ids`, from a seeded source of chance."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{prefix}_{milliseconds:0{ids.TIME_DIGITS}x}{random.randbytes(ids.RANDOM_BYTES).hex()}"


def uuid4(random: Random) -> uuid.UUID:
    return uuid.UUID(int=random.getrandbits(128), version=4)
