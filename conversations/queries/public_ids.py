"""The order of the index that finds the beginnings of public ids."""

from django.db.models import F
from django.db.models.expressions import OrderBy


class _Backwards(OrderBy):
    """By bytes, as `varchar_pattern_ops` compares. DESC means the database's own collation, which has no index.

    Django looks for the word in every order, to see where the expression ends. A comment is enough.
    """

    template = "%(expression)s USING ~>~ /* DESC */"


def backwards() -> OrderBy:
    """For rows whose ids have the same beginning: they are read from that index, as many as are shown and no more.

    In any other order PostgreSQL may read the table until it has found enough of them. Those with one beginning lie
    together, as they came, and it expects them everywhere. The ids of our own begin with their time: the newest first.
    """
    return _Backwards(F("public_id"))
