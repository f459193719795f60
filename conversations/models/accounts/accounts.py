"""Account: the customer. It owns keys, presets, conversations and runs, each up to a number."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids


class Account(models.Model):
    public_id = models.CharField(max_length=40, unique=True, default=ids.new_account_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField(default=True, help_text="A disabled account's keys are refused.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    event_sequence = models.BigIntegerField(db_default=0, editable=False, help_text="Of events of no conversation.")
    # Empty: as many as the installation's settings say (services/accounts/quotas.py).
    max_conversations = models.PositiveIntegerField(null=True, blank=True)
    max_api_keys = models.PositiveIntegerField("max API keys", null=True, blank=True)
    max_presets = models.PositiveIntegerField(null=True, blank=True, help_text="Versions, of all presets together.")
    max_webhook_endpoints = models.PositiveIntegerField(null=True, blank=True)
    max_idempotency_keys = models.PositiveIntegerField(null=True, blank=True, help_text="Of the last 24 hours.")
    # Counted up by the sweep, some seconds after they were made (services/accounts/tallies.py), and down when they are
    # deleted:
    # what is deleted before it was counted makes them less than nothing for a moment.
    conversations_kept = models.BigIntegerField(db_default=0, editable=False)
    idempotency_keys_kept = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(condition=~models.Q(name=""), name="account_has_a_name"),)

    def __str__(self) -> str:
        return self.name
