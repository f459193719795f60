"""Task: a run whose caller does not wait. It polls the task's id, or is called back at the callback URL, if any."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.webhooks.endpoints import URL_MAX_CHARS
from conversations.values.requests import Operation

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
    # Of the run, and never changed: a task is looked up by them among those of its account, without reading any run.
    trace_id = models.UUIDField(null=True, editable=False)
    operation = models.CharField(
        max_length=16, choices=[(one.value, one.value) for one in Operation], db_default="", editable=False
    )
    is_stored = models.BooleanField(db_default=True, help_text="Whether its turn is stored. If not, the task expires.")
    callback_url = models.CharField(max_length=URL_MAX_CHARS, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["account", "public_id"], name="task_id_is_unique_in_its_account"),
        )
        indexes = (
            # Retention: which have expired?
            models.Index(fields=["created_at"], name="task_of_unstored_oldest", condition=models.Q(is_stored=False)),
            # Polling by trace id. A caller may give the same trace id to any number of tasks: hence the order.
            models.Index(fields=["account", "trace_id", "-id"], name="task_by_trace"),
            # Lists of tasks, the newest first. Times are filtered by, too: hence not by id alone.
            models.Index(fields=["account", "-created_at", "-id"], name="task_newest"),
            models.Index(fields=["account", "operation", "-created_at", "-id"], name="task_newest_of_operation"),
        )

    def __str__(self) -> str:
        return self.public_id
