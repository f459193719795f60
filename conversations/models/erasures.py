"""Erasure: all content of a conversation, account or visitor is being erased, or has been. It stays as the evidence."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows


class Erasure(models.Model):
    """`step` and `cursor` say where the next batch begins (services/erasures). `runs_total` is None until counted."""

    class Subject(models.TextChoices):
        CONVERSATION = "conversation"
        ACCOUNT = "account"
        VISITOR = "visitor"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="erasures", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_erasure_id, editable=False)
    subject = models.CharField(max_length=16, choices=Subject.choices)
    subject_key = models.BigIntegerField(help_text="The subject's primary key.")
    subject_id = models.CharField(max_length=128, help_text="The subject's public id.")
    requested_by = models.CharField(max_length=200, help_text="A user of the admin, an API key's number, or a command.")
    step = models.CharField(max_length=50, db_default="")
    cursor = models.BigIntegerField(null=True)
    runs_total = models.BigIntegerField(null=True, help_text="Runs to pass through, counted once for each step.")
    runs_done = models.BigIntegerField(db_default=0)
    erased = models.JSONField(default=dict, help_text="Rows that were erased or emptied, by table.")
    left = models.JSONField(null=True, help_text="Rows that were found at the end, by table; there should be none.")
    error = models.CharField(max_length=200, db_default="", help_text="Why the latest batch failed. It is tried again.")
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When the next batch may begin.")
    finished_at = models.DateTimeField(null=True)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # The account's list by keyset.
            models.UniqueConstraint(fields=["account", "id"], name="erasure_has_one_account"),
            models.UniqueConstraint(fields=["account", "public_id"], name="erasure_id_is_unique_in_its_account"),
            models.UniqueConstraint(
                fields=["account", "subject", "subject_key"], name="erasure_of_a_subject_is_begun_once"
            ),
            models.CheckConstraint(
                condition=models.Q(subject__in=["conversation", "account", "visitor"]),
                name="erasure_has_a_known_subject",
            ),
        )
        # Whose batch is next: the one that has waited longest.
        indexes = (models.Index(fields=["due_at"], name="erasure_due", condition=models.Q(finished_at=None)),)

    def __str__(self) -> str:
        return self.public_id

    @property
    def state(self) -> str:
        if self.finished_at is not None:
            return "done"
        return "failing" if self.error else "running"
