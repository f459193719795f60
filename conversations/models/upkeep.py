"""Upkeep: a periodic job, with the times it last began and last finished."""

from django.db import models


class Upkeep(models.Model):
    name = models.CharField(max_length=50, unique=True)
    begun_at = models.DateTimeField(null=True)
    resumed_at = models.DateTimeField(null=True, help_text="When it last began after a pause longer than a lease.")
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
