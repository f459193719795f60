"""Tally: how far the rows of a table have been counted into their accounts' rows."""

from django.db import models
from django.db.models.functions import Now


class Tally(models.Model):
    """Rows up to `counted_to` are counted. Those up to `seen_to` were there at `seen_at`, and are next."""

    of = models.CharField(max_length=50, unique=True)
    counted_to = models.BigIntegerField(db_default=0)
    seen_to = models.BigIntegerField(db_default=0)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return self.of
