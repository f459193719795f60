"""Run step and tool call: what a run's model said while it called tools of ours, and what came of each call.

A run that uses no tools has none. The next attempt of a run goes on from them.
"""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.upstreams import TARGET_NAME_MAX_CHARS
from conversations.values.tool_calls import ToolCallStatus

STATUSES = [(status.value, status.value) for status in ToolCallStatus]
REASON_MAX_CHARS = 500


class RunStep(models.Model):
    """One answer that calls tools. `parts` are the rest of it: its words, its thoughts, calls of the caller's tools."""

    # The composite key to the run stands for both: migration 0041.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_constraint=False, db_index=False)
    number = models.PositiveSmallIntegerField(help_text="Counts from 1, over all attempts.")
    attempt = models.PositiveSmallIntegerField()
    parts = models.JSONField()
    provider_metadata = models.JSONField(null=True)
    usage = models.JSONField(null=True)
    target = models.CharField(max_length=TARGET_NAME_MAX_CHARS, db_default="")
    context = models.JSONField(
        null=True, help_text="Of the sources that its model was shown (`values/context/step_records.py`)."
    )
    is_stored = models.BooleanField(db_default=True, help_text="Whether its turn is. If not, it goes with the answer.")
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "number", "account"], name="run_step_has_its_own_number_in_its_run"),
        )
        indexes = (
            # The sweep: which are of turns that are not stored? Hardly any: they go soon after their answer was read.
            models.Index(fields=["id"], name="run_step_of_unstored", condition=models.Q(is_stored=False)),
        )

    def __str__(self) -> str:
        return f"step {self.number}"


class ToolCall(models.Model):
    """`result` is what the model is told. No header of the tool is in it: they hold secrets."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="tool_calls", db_constraint=False, db_index=False
    )
    step = models.PositiveSmallIntegerField(help_text="The number of the step that it belongs to.")
    index = models.PositiveSmallIntegerField(help_text="Counts from 0 in its step.")
    call_id = models.TextField(help_text="The vendor's.")
    tool_id = models.CharField(max_length=40, db_default="", help_text="Empty where no tool has the name.")
    remote_name = models.TextField(db_default="", help_text="What its MCP server knows it as; empty for others.")
    name = models.CharField(max_length=128)
    arguments = models.TextField(help_text="As the model wrote them, if they are not too long.")
    provider_metadata = models.JSONField(null=True)
    needs_approval = models.BooleanField(db_default=False)
    status = models.CharField(max_length=16, choices=STATUSES, db_default=ToolCallStatus.REQUESTED.value)
    result = models.TextField(db_default="")
    is_error = models.BooleanField(db_default=False)
    http_status = models.PositiveSmallIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["run", "step", "index", "account"], name="tool_call_has_one_place_in_its_run"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in ToolCallStatus]),
                name="tool_call_has_a_known_status",
            ),
        )
        indexes = (
            # The log of an account's calls, newest first.
            models.Index(fields=["account", "id"], name="tool_call_of_account"),
            # The sweep: which does nobody end any more? Few are being made at once.
            models.Index(
                fields=["started_at"],
                name="tool_call_running",
                condition=models.Q(status=ToolCallStatus.RUNNING.value),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.step}.{self.index}"
