"""Account: the customer. It owns keys, presets, conversations and runs."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids


class Account(models.Model):
    public_id = models.CharField(max_length=40, unique=True, default=ids.new_account_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField(default=True, help_text="A disabled account's keys are refused.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    event_sequence = models.BigIntegerField(db_default=0, editable=False, help_text="Of events of no conversation.")

    class Meta:
        constraints = (models.CheckConstraint(condition=~models.Q(name=""), name="account_has_a_name"),)

    def __str__(self) -> str:
        return self.name
