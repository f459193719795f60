"""Event: something that happened in an account. It is sent to the account's endpoints and kept for catching up."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.conversations.conversations import Conversation
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run


class Event(models.Model):
    """`sequence` counts from 1 without a gap: within the conversation, or among the account's events that have none.

    Rows of one account become visible in the order of `id` (services/webhooks/events.py). So a reader that asks for
    the events after the last one it has misses none.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=40, default=ids.new_event_id, editable=False)
    type = models.CharField(max_length=50)
    sequence = models.BigIntegerField()
    payload = models.TextField(null=True, help_text="The exact JSON that is sent.")  # noqa: DJ001 — None: erased by age
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What deliveries point at, and the account's list of events by keyset.
            models.UniqueConstraint(fields=["account", "id"], name="event_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="event_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(
                fields=["conversation", "sequence", "account"],
                condition=models.Q(conversation__isnull=False),
                name="event_has_its_own_number_in_its_conversation",
            ),
            models.UniqueConstraint(
                fields=["account", "sequence"],
                condition=models.Q(conversation=None),
                name="event_has_its_own_number_in_its_account",
            ),
        )
        indexes = (
            # Retention: which payloads are old enough to erase?
            models.Index(fields=["created_at"], name="event_payload_oldest", condition=models.Q(payload__isnull=False)),
            # Where a run is deleted: which events point at it? The foreign key's own check asks that too.
            models.Index(fields=["run"], name="event_of_run", condition=models.Q(run__isnull=False)),
            # The admin's filters by event type, for the rarer types. The usual type is found fast without an index.
            models.Index(fields=["type", "-id"], name="event_rare_newest", condition=~models.Q(type="run.completed")),
            # An account's events of such a type, for owners who catch up.
            models.Index(
                fields=["account", "type", "id"],
                name="event_rare_of_account",
                condition=~models.Q(type="run.completed"),
            ),
        )

    def __str__(self) -> str:
        return self.public_id
