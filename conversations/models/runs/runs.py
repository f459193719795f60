"""Run: one request for one outcome, in one or more attempts. Its row is the evidence, its ActiveRun the queue."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.dialects import registry
from conversations.models.accounts.accounts import Account
from conversations.models.accounts.api_keys import ApiKey
from conversations.models.conversations.conversations import Conversation
from conversations.models.conversations.presets import Preset
from conversations.models.rows import AccountRows
from conversations.models.upstreams import TARGET_NAME_MAX_CHARS
from conversations.values.context.sources import Sourced
from conversations.values.runs import RunStatus

if TYPE_CHECKING:
    from conversations.models.conversations.messages import Message
    from conversations.models.runs.active import ActiveRun

# How a run may end other than completed.
ENDS_SAID = (RunStatus.FAILED.value, RunStatus.CANCELLED.value, RunStatus.INCOMPLETE.value)


class RunRows(AccountRows["Run"]):
    def with_status(self, status: str) -> Self:
        """The rows of active runs are found by their account's queue, those of rare ends by indexes of their own."""
        if status in ENDS_SAID:
            return self.filter(ended_as=status).exclude(ended_as="")
        if RunStatus(status).is_terminal:
            return self.filter(finished_at__isnull=False, ended_as="")
        return self.filter(active__status=status, active__account=models.F("account"))

    def ended(self) -> Self:
        return self.filter(finished_at__isnull=False)

    def readable(self) -> Self:
        """Those whose row has all that their readers are to be told for now: ended, or waiting for an approval."""
        paused = models.Q(active__status=RunStatus.REQUIRES_ACTION.value)
        return self.filter(models.Q(finished_at__isnull=False) | paused)


class Run(models.Model):
    """Written twice: when the request is accepted, and when the run ends. What changes in between is its ActiveRun's.

    `request` and `answer` are canonical JSON (services/runs/records.py), without what the messages of a stored turn say
    (queries/answers.py). Of a run without a conversation they are erased once the reader has the answer, or after
    `forget_after`.

    `preset_text` None means that the request gave none. At the end it becomes what was used: the conversation's.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="runs", db_index=False)
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False, verbose_name="API key"
    )
    conversation = models.ForeignKey(
        Conversation, null=True, on_delete=models.PROTECT, related_name="runs", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=40, default=ids.new_run_id, editable=False)
    channel = models.CharField(max_length=100, help_text="Where its events are published (relay/follow.py).")
    trace_id = models.UUIDField()
    dialect = models.CharField(max_length=registry.NAME_MAX_CHARS, choices=registry.choices)
    model = models.CharField(max_length=200)
    context_window = models.PositiveIntegerField(help_text="The model's, in tokens, when the run was accepted.")
    request = models.JSONField(null=True)
    preset = models.ForeignKey(Preset, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    preset_text = models.TextField(null=True)  # noqa: DJ001 — None and "" differ: not given, and cleared

    # Not a status: an UPDATE that changes no indexed column adds no entry to any index (HOT), and the lists need
    # indexes on rare ends. So a run that completes leaves this as it was.
    ended_as = models.CharField(
        max_length=16,
        choices=[(status, status) for status in ENDS_SAID],
        db_default="",
        help_text="How it ended, unless it completed.",
    )
    attempt = models.PositiveSmallIntegerField(db_default=0, help_text="The number of its last attempt, once it ended.")
    created_at = models.DateTimeField(db_default=Now())
    claimed_at = models.DateTimeField(null=True, help_text="When its last attempt began, once it ended.")
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True, help_text="None exactly while it is active.")
    cancel_requested_at = models.DateTimeField(
        null=True, help_text="When somebody asked to stop it in the middle of an answer, once it ended."
    )
    forget_after = models.DateTimeField(
        null=True, help_text="When the content of a run that is not stored may be erased. None once it is."
    )

    answer = models.JSONField(null=True)
    usage = models.JSONField(null=True)
    error_code = models.CharField(max_length=50, db_default="")
    error_message = models.TextField(db_default="")
    error_facts = models.JSONField(null=True, editable=False, help_text="The error's other fields, if any.")

    objects = RunRows.as_manager()

    # No column: the messages with the words of its answer, by choice, once `queries/answers.py` has read them.
    answer_messages: "Mapping[int, Message] | None" = None
    # Likewise: what its answer says of its sources (`queries/sources.py`).
    sourced: Sourced | None = None

    class Meta:
        constraints = (
            # What messages and references point at; also the account's list of runs by keyset.
            models.UniqueConstraint(fields=["account", "id"], name="run_has_one_account"),
            # Also finds a run by its id alone, or by the beginning of it.
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="run_id_is_unique_in_its_account",
            ),
            models.CheckConstraint(condition=models.Q(ended_as__in=["", *ENDS_SAID]), name="run_has_a_known_end"),
            models.CheckConstraint(
                condition=models.Q(ended_as="") | models.Q(finished_at__isnull=False),
                name="run_has_ended_when_it_says_how",
            ),
            models.CheckConstraint(
                condition=~models.Q(ended_as=RunStatus.FAILED.value) | ~models.Q(error_code=""),
                name="run_says_why_when_failed",
            ),
        )
        indexes = (
            # The lists of one status, of an account and, in the admin, of all: these ends are rare.
            models.Index(
                fields=["account", "ended_as", "-id"],
                name="run_of_account_by_end_newest",
                condition=~models.Q(ended_as=""),
            ),
            models.Index(fields=["ended_as", "-id"], name="run_by_end_newest", condition=~models.Q(ended_as="")),
            # The sweep: which runs that are not stored still have their content?
            models.Index(fields=["forget_after"], name="run_to_forget", condition=models.Q(forget_after__isnull=False)),
            # Retention: which runs that are not stored are old enough to delete?
            models.Index(
                fields=["created_at"], name="run_unstored_oldest", condition=models.Q(conversation__isnull=True)
            ),
            # The admin's page of a conversation.
            models.Index(fields=["conversation", "-id"], name="run_by_conversation_newest"),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_active(self) -> bool:
        return self.finished_at is None

    @property
    def progress(self) -> "Run | ActiveRun":
        """The row that says how far it has come: its own once it has ended, until then that of its ActiveRun.

        Select `active` together with the run. Asked for later, it may be gone, because the run has ended meanwhile.
        """
        return self.active if self.is_active else self

    @property
    def status(self) -> RunStatus:
        return RunStatus(self.active.status if self.is_active else self.ended_as or RunStatus.COMPLETED)


class RunAttempt(models.Model):
    """One attempt of a run, written when it ends.

    `outcome` is a run status, or says that the run went back to the queue: `lost` counts towards the limit of attempts
    that a run may lose, as when its worker died or an answer broke off; `requeued` does not, as when its worker was
    drained. `requires_action`: the run waits for somebody to agree to what its model wants. The last attempt of a run
    that ends because its worker died is `lost`, too.
    """

    class Outcome(models.TextChoices):
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        INCOMPLETE = "incomplete"
        REQUEUED = "requeued"
        LOST = "lost"
        REQUIRES_ACTION = "requires_action"

    # The composite key to the run stands for both: migration 0028.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts", db_constraint=False, db_index=False)
    number = models.PositiveSmallIntegerField()
    worker_name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    upstream_request_id = models.CharField(max_length=200, db_default="")
    upstream_calls = models.PositiveSmallIntegerField(db_default=0)
    usage = models.JSONField(null=True)
    error_code = models.CharField(max_length=50, db_default="")
    target = models.CharField(
        max_length=TARGET_NAME_MAX_CHARS, db_default="", help_text="The target asked last: the one that answered."
    )
    moves = models.JSONField(null=True, help_text="The targets that failed before it, or with it.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "number", "account"], name="run_attempt_is_written_once"),
            models.CheckConstraint(
                condition=models.Q(
                    outcome__in=[
                        *("completed", "failed", "cancelled", "incomplete", "requeued", "lost", "requires_action")
                    ]
                ),
                name="run_attempt_has_a_known_outcome",
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}"
