"""Intent: something that a visitor may want, by a name and examples. A turn says whether its question satisfied it."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

NAME_MAX_CHARS = 100
DESCRIPTION_MAX_CHARS = 1_000


class Intent(models.Model):
    """Deleting one deletes its row: runs keep its id and name."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_intent_id, editable=False)
    name = models.CharField(max_length=NAME_MAX_CHARS)
    description = models.CharField(max_length=DESCRIPTION_MAX_CHARS, db_default="", blank=True)
    examples = models.JSONField(default=list, blank=True, help_text="Questions that satisfy it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="intent_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(fields=["account", "name"], name="intent_name_is_unique_in_its_account"),
            models.CheckConstraint(condition=~models.Q(name=""), name="intent_has_a_name"),
        )

    def __str__(self) -> str:
        return self.public_id
