"""Task: a run whose caller does not wait. It polls the task's id, or is called back at the callback URL, if any."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.webhooks.endpoints import URL_MAX_CHARS

TASK_ID_MAX_CHARS = 128


class Task(models.Model):
    """An unstored run keeps its request and answer for as long as this row lives."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="task", db_constraint=False)
    public_id = models.CharField(
        max_length=TASK_ID_MAX_CHARS, help_text="On a conversation's first turn, the conversation's id."
    )
    is_stored = models.BooleanField(db_default=True, help_text="Whether its turn is stored. If not, the task expires.")
    callback_url = models.CharField(max_length=URL_MAX_CHARS, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "public_id"], name="task_id_is_unique_in_its_account"),
        )
        # The sweep: which have expired?
        indexes = (
            models.Index(fields=["created_at"], name="task_of_unstored_oldest", condition=models.Q(is_stored=False)),
        )

    def __str__(self) -> str:
        return self.public_id
