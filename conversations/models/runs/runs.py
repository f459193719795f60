"""Run: one request for one outcome, in one or more attempts. Its row is the queue of record and the evidence."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.dialects import registry
from conversations.models.accounts.accounts import Account
from conversations.models.accounts.api_keys import ApiKey
from conversations.models.conversations.conversations import Conversation
from conversations.models.conversations.presets import Preset
from conversations.models.rows import AccountRows
from conversations.models.runs.workers import Worker
from conversations.values.runs import ACTIVE, TERMINAL, RunStatus


class Run(models.Model):
    """`request` and `answer` are canonical JSON (services/runs/records.py). Of a run without a conversation they are
    erased once the reader has the answer.

    `preset_text` None means that the request gave none: the conversation's is taken when the run is claimed.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="runs", db_index=False)
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False, verbose_name="API key"
    )
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.PROTECT, related_name="runs", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=40, unique=True, default=ids.new_run_id, editable=False)
    channel = models.CharField(max_length=100, help_text="Where its events are published (relay/follow.py).")
    trace_id = models.UUIDField()
    dialect = models.CharField(max_length=registry.NAME_MAX_CHARS, choices=registry.choices)
    model = models.CharField(max_length=200)
    context_window = models.PositiveIntegerField(help_text="The model's, in tokens, when the run was accepted.")
    request = models.JSONField(null=True)
    preset = models.ForeignKey(Preset, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    preset_text = models.TextField(null=True)  # noqa: DJ001 — None and "" differ: not given, and cleared
    is_streamed = models.BooleanField(db_default=False, help_text="Whether anybody ever opened it as a stream.")

    status = models.CharField(
        max_length=16, choices=[(status.value, status.value) for status in RunStatus], db_default=RunStatus.QUEUED.value
    )
    attempt = models.PositiveSmallIntegerField(
        db_default=0, help_text="Never decreases: writes of older attempts are refused."
    )
    attempts_lost = models.PositiveSmallIntegerField(
        db_default=0,
        help_text="Attempts that count towards the limit: lost with their worker, or broken off by the vendor.",
    )
    worker = models.ForeignKey(Worker, null=True, on_delete=models.PROTECT, related_name="runs", db_index=False)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(db_default=Now(), help_text="When it last began to wait for a worker.")
    # Its position in the queue of wake-ups. A sweep that finds its wake-up lost sends it again and does not change
    # this (ADR 11).
    woken_at = models.DateTimeField(
        null=True,
        db_default=Now(),
        help_text="When workers were last woken for it. None while it is held because its account has its share.",
    )
    claimed_at = models.DateTimeField(null=True, help_text="When the current attempt began.")
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True, help_text="Its worker checks this several times a second.")

    answer = models.JSONField(null=True)
    usage = models.JSONField(null=True)
    error_code = models.CharField(max_length=50, db_default="")
    error_message = models.TextField(db_default="")
    error_facts = models.JSONField(null=True, editable=False, help_text="The error's other fields, if any.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What messages and references point at; also the account's list of runs by keyset.
            models.UniqueConstraint(fields=["account", "id"], name="run_has_one_account"),
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(status=RunStatus.IN_PROGRESS.value),
                name="conversation_has_at_most_one_active_run",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in RunStatus]), name="run_has_a_known_status"
            ),
            models.CheckConstraint(
                condition=models.Q(status=RunStatus.IN_PROGRESS.value, worker__isnull=False)
                | (~models.Q(status=RunStatus.IN_PROGRESS.value) & models.Q(worker=None)),
                name="run_has_a_worker_exactly_while_in_progress",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=TERMINAL, finished_at__isnull=False)
                | models.Q(status__in=ACTIVE, finished_at=None),
                name="run_has_an_end_when_terminal",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=RunStatus.FAILED.value) | ~models.Q(error_code=""),
                name="run_says_why_when_failed",
            ),
        )
        indexes = (
            # A claim: is an earlier run of the conversation active? A finished run: which one of it waits?
            models.Index(
                fields=["conversation", "id"], name="run_active_in_conversation", condition=models.Q(status__in=ACTIVE)
            ),
            # The sweep: lost wake-ups, and runs that have waited too long.
            models.Index(fields=["woken_at"], name="run_waiting", condition=models.Q(status=RunStatus.QUEUED.value)),
            # The held runs of an account. Empty unless an account has asked for more than its share. This index and
            # the next have orders that no other index has. Otherwise a planner that expects many rows would read all
            # runs in the order of their ids.
            models.Index(
                fields=["account", "queued_at", "id"],
                name="run_held",
                condition=models.Q(status=RunStatus.QUEUED.value, woken_at=None),
            ),
            # Accept: how many runs of the account wait, and for how long? The condition expresses "queued" differently
            # from run_waiting's, so that no planner reads the waiting runs of all accounts there.
            models.Index(
                fields=["account", "created_at", "id"],
                name="run_waiting_of_account",
                condition=models.Q(claimed_at=None, finished_at=None),
            ),
            # The sweep: runs of workers whose lease has lapsed.
            models.Index(
                fields=["worker"],
                name="run_in_progress_by_worker",
                condition=models.Q(status=RunStatus.IN_PROGRESS.value),
            ),
            # Retention: which runs that are not stored are old enough to delete?
            models.Index(
                fields=["created_at"], name="run_unstored_oldest", condition=models.Q(conversation__isnull=True)
            ),
            # The admin's page of a conversation.
            models.Index(fields=["conversation", "-id"], name="run_by_conversation_newest"),
        )

    def __str__(self) -> str:
        return self.public_id


class RunAttempt(models.Model):
    """One attempt of a run, written when it ends.

    `outcome` is a run status, or says that the run went back to the queue: `lost` counts towards the limit of attempts
    that a run may lose, as when its worker died or an answer broke off; `requeued` does not, as when its worker was
    drained. The last attempt of a run that ends because its worker died is `lost`, too.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        INCOMPLETE = "incomplete"
        REQUEUED = "requeued"
        LOST = "lost"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    worker_name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    upstream_request_id = models.CharField(max_length=200, db_default="")
    upstream_calls = models.PositiveSmallIntegerField(db_default=0)
    usage = models.JSONField(null=True)
    error_code = models.CharField(max_length=50, db_default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "number"], name="run_attempt_is_written_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["completed", "failed", "cancelled", "incomplete", "requeued", "lost"]),
                name="run_attempt_has_a_known_outcome",
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}"
