"""The hot path's SQL, written by hand: one statement to accept a turn, one to claim its run, one to finish it.

| statement | called by | locks, in this order | returns |
|---|---|---|---|
| START_STORED | `accept` | the visitor, the conversation | one row, with an `outcome` |
| START_UNSTORED | `accept` | nothing | one row, with an `outcome` |
| CLAIM | `claim` | the active run, unless it is locked: then it is skipped | one row, with an `outcome` |
| OLDER | `workers/runs/history.py` | nothing | one row |
| FINISH | `finish` | the conversation, the active run, the run | one row, with an `outcome` |

Each is one round trip and one transaction of its own (autocommit), carried out by `stores.statements`. Other raw SQL
stands beside the service that needs it; whatever the ORM can say is left to the ORM.

`(status = …) IS TRUE` where the run's id is given keeps the planner from using a partial index on `status`. It would
read that index from end to end, because it takes it for nearly empty. When many runs wait, or have ended since the
last vacuum, the index is long. `(account_id = …) IS TRUE` beside the id of a conversation does the same. And such an id
is a parameter or a subquery, not a column to join with: while a table has no statistics, the planner would read all of
it, or all rows of the account, for one row; and a plan stays with its connection.

START (`start`) and FINISH_METERED are others for metered accounts: they reserve and settle too, and lock the balance
last. Turns of all other accounts are carried out by statements that know nothing of money. START is another one too for
turns of an assistant or a visitor (`assisted.py`), which it locks first.

psycopg parses a statement again every time when it is longer than its MAX_CACHED_STATEMENT_LENGTH.
"""

from django.db import connection

from conversations.services.runs.sql.claim import CLAIM, IS_NEXT, OLDER, THREADS
from conversations.services.runs.sql.finish import FINISH, FINISH_METERED, IS_ANYBODY_HELD
from conversations.services.runs.sql.start import (
    BACKLOG,
    START_STORED,
    START_UNSTORED,
    start,
)
from conversations.stores.deadlines import DeadlineConnection

__all__ = [
    "BACKLOG",
    "CLAIM",
    "FINISH",
    "FINISH_METERED",
    "IS_ANYBODY_HELD",
    "IS_NEXT",
    "OLDER",
    "START_STORED",
    "START_UNSTORED",
    "THREADS",
    "latest_moment",
    "start",
]


def latest_moment(*, is_locked: bool = False) -> float | None:
    """The last moment at which the database may still act for the current request, in seconds of the database's clock.

    `is_locked`: act with what it has locked, rather than begin to wait for a lock. None when there is no limit.
    """
    connection.ensure_connection()
    held = connection.connection
    return held.latest_moment(is_locked=is_locked) if isinstance(held, DeadlineConnection) else None
