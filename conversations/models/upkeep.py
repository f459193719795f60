"""Upkeep: a duty that returns by the clock, and when it was last begun, and done to its end."""

from django.db import models


class Upkeep(models.Model):
    name = models.CharField(max_length=50, unique=True)
    begun_at = models.DateTimeField(null=True)
    resumed_at = models.DateTimeField(null=True, help_text="When it was begun after a pause longer than a lease.")
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
