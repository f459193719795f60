"""Idempotency key: the caller's own name for a request, so that a repeated request starts no second run."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run

KEY_MAX_CHARS = 255
HASH_BYTES = 32


class IdempotencyKey(models.Model):
    """An unstored run keeps its request and answer for as long as this row lives."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=KEY_MAX_CHARS)
    body_hash = models.BinaryField(max_length=HASH_BYTES, help_text="SHA-256 of the route and the JSON body.")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="idempotency_keys", null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "key"], name="idempotency_key_is_unique_in_its_account"),
            models.CheckConstraint(condition=~models.Q(key=""), name="idempotency_key_is_not_empty"),
        )
        # The sweep: which have expired?
        indexes = (models.Index(fields=["created_at"], name="idempotency_key_oldest"),)

    def __str__(self) -> str:
        return self.key
