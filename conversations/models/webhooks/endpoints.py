"""Webhook endpoint: a URL of an account that receives events, and the secrets that sign them."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

URL_MAX_CHARS = 2048
DESCRIPTION_MAX_CHARS = 500


class WebhookEndpoint(models.Model):
    """Enabled exactly while `disabled_at` is empty.

    The row of a deleted one stays as long as its deliveries, and that of an account's first one for ever
    (`has_endpoint`).
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="webhook_endpoints", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_endpoint_id, editable=False)
    url = models.CharField(max_length=URL_MAX_CHARS)
    events = models.JSONField(help_text="A list of event types; * means all, also those of later versions.")
    description = models.CharField(max_length=DESCRIPTION_MAX_CHARS, db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.CharField(max_length=200, db_default="", editable=False)
    failing_since = models.DateTimeField(
        null=True, editable=False, help_text="The first failure since its last success."
    )
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What deliveries and secrets point at. Also read at the end of every run: has this account any endpoint?
            models.UniqueConstraint(fields=["account", "id"], name="endpoint_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="endpoint_id_is_unique_in_its_account",
            ),
            models.CheckConstraint(condition=~models.Q(events=[]), name="endpoint_is_told_of_something"),
            models.CheckConstraint(
                condition=models.Q(disabled_at=None) | ~models.Q(disabled_reason=""),
                name="endpoint_says_why_when_disabled",
            ),
        )
        indexes = (
            # Recorded with every event: which endpoints does it go to? Also the account's list, and how many it has.
            # An account may have deleted any number of others.
            models.Index(fields=["account", "id"], name="endpoint_of_account", condition=models.Q(deleted_at=None)),
            # Retention: which deleted ones are old enough?
            models.Index(
                fields=["deleted_at"], name="endpoint_deleted_oldest", condition=models.Q(deleted_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.public_id


def has_endpoint() -> models.Exists:
    """For a query of an account's rows: has the account, or had it once, an endpoint? Only then are its events kept."""
    return models.Exists(WebhookEndpoint.objects.filter(account=models.OuterRef("account")))


class SigningSecret(models.Model):
    """Signs the events for an endpoint, or an account's callbacks when `endpoint` is None.

    `encrypted` is made and read by `conversations.encryption`. The current secret has no `expires_at`; a replaced one
    signs beside it until then.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, null=True, on_delete=models.CASCADE, related_name="secrets", db_constraint=False
    )
    encrypted = models.TextField(db_column="sealed", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["endpoint", "account"],
                condition=models.Q(expires_at=None, endpoint__isnull=False),
                name="endpoint_has_one_current_secret",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(expires_at=None, endpoint=None),
                name="account_has_one_current_callback_secret",
            ),
        )
        # Read for every callback: the account's own secrets.
        indexes = (
            models.Index(fields=["account"], name="callback_secret_of_account", condition=models.Q(endpoint=None)),
        )

    def __str__(self) -> str:
        return f"secret {self.pk}"
