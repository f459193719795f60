"""Token revocation: client tokens of an account that end before their time. Kept for as long as they could live."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

DIGEST_BYTES = 32


class TokenRevocation(models.Model):
    """`subject` is a digest of the visitor's id, or of the token's (`rules/client_tokens/revocations.py`)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.BinaryField(max_length=DIGEST_BYTES, editable=False)
    revoked_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # Also finds all of an account.
            models.UniqueConstraint(fields=["account", "subject"], name="token_revocation_is_written_once"),
        )

    def __str__(self) -> str:
        return f"token revocation {self.pk}"
