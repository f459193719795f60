"""Upkeep: a duty that returns by the clock, and when it was last done to its end."""

from django.db import models


class Upkeep(models.Model):
    name = models.CharField(max_length=50, unique=True)
    finished_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
