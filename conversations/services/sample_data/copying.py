"""Rows to the database by COPY, and ids from the tables' sequences.

A row is a dict by attribute (`account_id`, not `account`). What a row does not give gets its default, so that a new
column that has one changes nothing here.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Model
from django.db.models.fields import NOT_PROVIDED

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
    columns = ", ".join([*(str(field.column) for field in given), *(str(column) for column, _ in defaults)])
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
