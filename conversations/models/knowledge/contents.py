"""Content: what was read for the turns of an account. Reading: to which one a link or file of a conversation led."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.conversations.conversations import Conversation
from conversations.models.rows import AccountRows

DIGEST_BYTES = 32
TITLE_MAX_CHARS = 300
MEDIA_TYPE_MAX_CHARS = 150


class Content(models.Model):
    """A document's text, or an image as it is. Nothing in it changes but `used_at`: citations count its characters.

    `digest` is of the bytes and of all that decides how they are read (`values/context/contents.py`). An account has
    each once, however many of its conversations read it.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=DIGEST_BYTES)
    media_type = models.CharField(max_length=MEDIA_TYPE_MAX_CHARS)
    title = models.CharField(max_length=TITLE_MAX_CHARS, db_default="")
    text = models.TextField(db_default="")
    page_starts = models.JSONField(default=list, help_text="Where in the text each page begins.")
    data = models.BinaryField(null=True, help_text="Of an image.")
    size = models.PositiveIntegerField(help_text="Bytes that were read.")
    weight = models.PositiveIntegerField(help_text="Characters of the text, or bytes of the image.")
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(db_default=Now(), help_text="To within a day.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What readings point at.
            models.UniqueConstraint(fields=["account", "id"], name="content_has_one_account"),
            models.UniqueConstraint(fields=["account", "digest"], name="content_is_kept_once_for_its_account"),
            models.CheckConstraint(
                condition=models.Q(data=None) & ~models.Q(text="") | ~models.Q(data=None) & models.Q(text=""),
                name="content_is_a_text_or_an_image",
            ),
        )
        # Retention: which has not been used for longest?
        indexes = (models.Index(fields=["used_at"], name="content_by_last_use"),)

    def __str__(self) -> str:
        return f"{self.media_type} {self.size}"


class Reading(models.Model):
    """`key` is the digest of a link, or of a file that a message holds.

    Later turns of the conversation find the content by it, without reading it again.

    Composite keys keep it in the account of its conversation and its content: migration 0037.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    key = models.BinaryField(max_length=DIGEST_BYTES)
    content = models.ForeignKey(
        Content, on_delete=models.PROTECT, related_name="readings", db_constraint=False, db_index=False
    )
    run_key = models.BigIntegerField(help_text="Of the run that read it last.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # Also finds a conversation's.
            models.UniqueConstraint(
                fields=["conversation", "key", "account"], name="reading_is_kept_once_for_its_conversation"
            ),
        )
        # Which readings does a content have? Asked before it is deleted.
        indexes = (models.Index(fields=["content"], name="reading_of_content"),)

    def __str__(self) -> str:
        return f"{self.pk}"
