"""How often statements were executed that stay prepared: Django's captured queries do not have them."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

PLACEHOLDER = re.compile(r"%\(\w+\)[bst]|\$\d+")


@contextmanager
def executed(**statements: str) -> Iterator[Counter[str]]:
    """How often each of the named statements was executed inside, on this connection; without those that were not."""
    before, times = _executions(), Counter[str]()
    yield times
    after = _executions()
    for name, statement in statements.items():
        text = PLACEHOLDER.sub("?", statement)
        if number := after[text] - before[text]:
            times[name] = number


def _executions() -> Counter[str]:
    """Of every text. One whose parameters had several types is prepared several times."""
    found: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
        for statement, times in cursor.fetchall():
            found[PLACEHOLDER.sub("?", statement)] += times
    return found
