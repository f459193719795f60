"""Account: the customer. It owns keys, presets, conversations and runs, and how many of each is limited."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids


class Account(models.Model):
    public_id = models.CharField(max_length=40, unique=True, default=ids.new_account_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField(default=True, help_text="A disabled account's keys are refused.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    erased_at = models.DateTimeField(
        null=True, editable=False, help_text="A tombstone: everything of it is erased, and it is never enabled again."
    )
    event_sequence = models.BigIntegerField(
        db_default=0, editable=False, help_text="The last sequence number of its events that belong to no conversation."
    )
    # Empty means the installation's setting (services/accounts/quotas.py).
    max_conversations = models.PositiveIntegerField(null=True, blank=True)
    max_api_keys = models.PositiveIntegerField("max API keys", null=True, blank=True)
    max_presets = models.PositiveIntegerField(null=True, blank=True, help_text="Versions, of all presets together.")
    max_webhook_endpoints = models.PositiveIntegerField(null=True, blank=True)
    max_idempotency_keys = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of those that are kept (KEEP_IDEMPOTENCY_KEYS_DAYS)."
    )
    # The sweep adds rows some seconds after they were created (services/accounts/tallies.py); deleting one subtracts it
    # at once. A row that is deleted before it was counted makes the number negative for a moment.
    conversation_count = models.BigIntegerField(db_column="conversations_kept", db_default=0, editable=False)
    idempotency_key_count = models.BigIntegerField(db_column="idempotency_keys_kept", db_default=0, editable=False)

    class Meta:
        constraints = (models.CheckConstraint(condition=~models.Q(name=""), name="account_has_a_name"),)

    def __str__(self) -> str:
        return self.name
