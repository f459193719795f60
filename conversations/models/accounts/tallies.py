"""Tally: how far the rows of one table have been counted into the counts on their accounts' rows."""

from django.db import models
from django.db.models.functions import Now


class Tally(models.Model):
    """Rows with ids up to `counted_to` are counted. Those up to `seen_to` existed at `seen_at` and are counted next."""

    name = models.CharField(max_length=50, unique=True, db_column="of")
    counted_to = models.BigIntegerField(db_default=0)
    seen_to = models.BigIntegerField(db_default=0)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return self.name
