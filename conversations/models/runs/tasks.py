"""Task: a run whose asker did not wait: it is polled under the task's id, and called back at the URL, if any."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.webhooks.endpoints import URL_MAX_CHARS

TASK_ID_MAX_CHARS = 128


class Task(models.Model):
    """While it lives, a run that nothing stores keeps its request and answer for it."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="task", db_constraint=False)
    public_id = models.CharField(max_length=TASK_ID_MAX_CHARS, help_text="The conversation's id on its first turn.")
    is_stored = models.BooleanField(db_default=True, help_text="Whether its turn is: else the task expires.")
    callback_url = models.CharField(max_length=URL_MAX_CHARS, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "public_id"], name="task_id_is_unique_in_its_account"),
        )
        # The sweeper's question: which have expired?
        indexes = (
            models.Index(fields=["created_at"], name="task_of_unstored_oldest", condition=models.Q(is_stored=False)),
        )

    def __str__(self) -> str:
        return self.public_id
