"""Message: one immutable node of a conversation's tree. Its parent is set once, when its run is claimed."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.conversations.conversations import Conversation
from conversations.models.rows import AccountRows
from providers.messages import Role
from providers.serialization import PARTS_VERSION


class Message(models.Model):
    """`parts` is the stored form of `docs/parts.md`. `tokens` is an estimate, for fitting history to a window.

    The conversation's path is its head and the head's ancestors. A failed run's messages stay as evidence, off the
    path. Composite keys keep a message, its parent and its run in one conversation and one account: migration 0002.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="messages", db_constraint=False, db_index=False
    )
    run = models.ForeignKey("Run", on_delete=models.PROTECT, related_name="messages", db_constraint=False)
    public_id = models.CharField(max_length=40, default=ids.new_message_id, editable=False)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.DO_NOTHING, related_name="replies", db_constraint=False, db_index=False
    )
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    name = models.CharField(max_length=200, db_default="")
    parts = models.JSONField()
    parts_version = models.PositiveSmallIntegerField(db_default=PARTS_VERSION)
    provider_metadata = models.JSONField(null=True)
    choice = models.PositiveSmallIntegerField(db_default=0, help_text="Numbers the answers of one run.")
    tokens = models.PositiveIntegerField(help_text="Estimated.")
    # 16 bytes of what the message says (`resent_history.digest`); None in rows of releases that wrote none.
    digest = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What parents and heads point at; also the index by which a transcript is read.
            models.UniqueConstraint(fields=["conversation", "id"], name="message_has_one_conversation"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="message_id_is_unique_in_its_account",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]), name="message_has_a_known_role"
            ),
            models.CheckConstraint(condition=~models.Q(parent=models.F("id")), name="message_is_not_its_own_parent"),
        )
        indexes = (
            # What follows a message, or stands first: a history that is sent again is followed down the tree by it
            # (`queries/conversations/threads.py`). When a message is erased, the database asks whether another one
            # follows it, and without the index would read the whole conversation each time.
            models.Index(fields=["conversation", "parent"], name="message_by_parent"),
        )

    def __str__(self) -> str:
        return self.public_id
