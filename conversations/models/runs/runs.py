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
    """`request` and `answer` are canonical JSON (services/runs/records.py). Without a conversation nothing else
    keeps them, and they are erased once the reader has the answer.

    `preset_text` None means the caller gave none: the conversation's is taken when the run is claimed.
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
    is_streamed = models.BooleanField(db_default=False, help_text="Was ever opened as a stream.")

    status = models.CharField(
        max_length=16, choices=[(status.value, status.value) for status in RunStatus], db_default=RunStatus.QUEUED.value
    )
    attempt = models.PositiveSmallIntegerField(db_default=0, help_text="Only ever grows: older attempts are refused.")
    attempts_lost = models.PositiveSmallIntegerField(db_default=0, help_text="Ended by the death of their worker.")
    worker = models.ForeignKey(Worker, null=True, on_delete=models.PROTECT, related_name="runs", db_index=False)
    created_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(db_default=Now(), help_text="When it last began to wait for a worker.")
    # Its place in the line of wake-ups. A sweep that finds its wake-up lost asks again and leaves it as it is (ADR 11).
    woken_at = models.DateTimeField(
        null=True,
        db_default=Now(),
        help_text="When a worker was last asked to look at it. None while it is held: its account has its share.",
    )
    claimed_at = models.DateTimeField(null=True, help_text="When the current attempt began.")
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True, help_text="Its worker looks for this several times a second.")

    answer = models.JSONField(null=True)
    usage = models.JSONField(null=True)
    error_code = models.CharField(max_length=50, db_default="")
    error_message = models.TextField(db_default="")
    error_facts = models.JSONField(null=True, editable=False, help_text="What else the error says, if anything.")

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
            # The claim asks whether an earlier run of the conversation is active; a finished one who waits.
            models.Index(
                fields=["conversation", "id"], name="run_active_in_conversation", condition=models.Q(status__in=ACTIVE)
            ),
            # The sweeper: lost wake-ups and runs that waited too long.
            models.Index(fields=["woken_at"], name="run_waiting", condition=models.Q(status=RunStatus.QUEUED.value)),
            # Who is held, and of whom: empty unless an account asks for more than its share. This and the next have
            # orders that no other index has: else a planner that knows of many would read all runs in the order of ids.
            models.Index(
                fields=["account", "queued_at", "id"],
                name="run_held",
                condition=models.Q(status=RunStatus.QUEUED.value, woken_at=None),
            ),
            # Accepting asks how many of the account wait, and for how long. It says `queued` in other words than
            # run_waiting does, so that no planner reads those of all accounts there.
            models.Index(
                fields=["account", "created_at", "id"],
                name="run_waiting_of_account",
                condition=models.Q(claimed_at=None, finished_at=None),
            ),
            # The sweeper: runs of workers whose heartbeat lapsed.
            models.Index(
                fields=["worker"],
                name="run_in_progress_by_worker",
                condition=models.Q(status=RunStatus.IN_PROGRESS.value),
            ),
            # The admin's page of a conversation.
            models.Index(fields=["conversation", "-id"], name="run_by_conversation_newest"),
        )

    def __str__(self) -> str:
        return self.public_id


class RunAttempt(models.Model):
    """One try of a run, written as it ends. `outcome` is a run status, or `requeued` when it was put back."""

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
