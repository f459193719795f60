"""Conversation: a thread of messages of one account. Its head, preset and model change when a run ends with text."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.conversations.presets import Preset
from conversations.models.rows import AccountRows

PUBLIC_ID_MAX_CHARS = 128
TITLE_MAX_CHARS = 200


class Conversation(models.Model):
    """`public_id` is unique within its account only: two accounts may use the same one."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="conversations", db_index=False)
    public_id = models.CharField(max_length=PUBLIC_ID_MAX_CHARS)
    model = models.CharField(max_length=200, db_default="", help_text="The model of the latest turn.")
    preset = models.ForeignKey(Preset, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    preset_text = models.TextField(db_default="", help_text="The system prompt that later turns inherit.")
    # A composite key makes sure that the head is a message of this very conversation: migration 0002.
    head = models.ForeignKey(
        "Message", null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    # A hint, written under the row's lock when a run is accepted: tells a finishing run whether another one waits.
    latest_run_id = models.BigIntegerField(null=True)
    # The one before. RETURNING gives it to the statement that accepts a run, for PostgreSQL 18 alone has RETURNING OLD.
    previous_run_id = models.BigIntegerField(null=True)
    event_sequence = models.BigIntegerField(db_default=0, help_text="The sequence number of its last event.")
    title = models.CharField(
        max_length=TITLE_MAX_CHARS, blank=True, db_default="", help_text="Empty: the first words of its first question."
    )
    archived_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(
        db_default=0, help_text="How often somebody has renamed or archived it, for If-Match."
    )
    created_at = models.DateTimeField(db_default=Now())
    # Written when a turn ends with text, by the statement that ends it. Renaming leaves it.
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, help_text="A tombstone: the id is never used again.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # Also the admin's search by the beginning of an id, in all accounts.
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="conversation_id_is_unique_in_its_account",
            ),
            # What messages and runs point at, so that neither can belong to another account.
            models.UniqueConstraint(fields=["account", "id"], name="conversation_has_one_account"),
            models.CheckConstraint(condition=~models.Q(public_id=""), name="conversation_has_a_public_id"),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None) | models.Q(head=None, preset_text=""),
                name="conversation_keeps_nothing_when_deleted",
            ),
        )
        indexes = (
            # An account's conversations, newest first: the admin's list, and that of `/api/v1/conversations`.
            models.Index(fields=["account", "-updated_at", "-id"], name="conversation_by_account_newest"),
            # The admin's list, newest first.
            models.Index(fields=["-updated_at", "-id"], name="conversation_newest"),
            # The database, when a preset is deleted: does a conversation point at it? Most point at none.
            models.Index(fields=["preset"], name="conversation_with_preset", condition=models.Q(preset__isnull=False)),
        )

    def __str__(self) -> str:
        return self.public_id
