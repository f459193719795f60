"""Visitor secret: an account's, with which it signs client tokens for the browsers of its visitors."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows


class VisitorSecret(models.Model):
    """The current one has no `expires_at`; tokens of a replaced one are taken until then."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    encrypted = models.TextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(expires_at=None), name="account_has_one_current_visitor_secret"
            ),
        )
        # All of an account.
        indexes = (models.Index(fields=["account", "id"], name="visitor_secret_of_account"),)

    def __str__(self) -> str:
        return f"secret {self.pk}"
