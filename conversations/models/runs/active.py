"""Active run: what changes about a run between its acceptance and its end, in a row of its own (ADR 29)."""

from typing import Self

from django.db import models
from django.db.models.functions import Coalesce, Now

from conversations.models.accounts.accounts import Account
from conversations.models.conversations.conversations import Conversation
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.runs.workers import Worker
from conversations.rules.money.cost import AMOUNT_DECIMALS, AMOUNT_DIGITS
from conversations.values.money import Reservation
from conversations.values.runs import ACTIVE, RunStatus

QUEUED = models.Q(status=RunStatus.QUEUED.value)
IN_PROGRESS = models.Q(status=RunStatus.IN_PROGRESS.value)
REQUIRES_ACTION = models.Q(status=RunStatus.REQUIRES_ACTION.value)


class ActiveRunRows(AccountRows["ActiveRun"]):
    def waiting(self) -> Self:
        """Of rows that are found by their keys, those that wait for a worker.

        In such a form that no index answers it: by their status or worker the planner could take an index of all that
        wait for shorter than it is, and read it from end to end.
        """
        return self.alias(holder=Coalesce("worker", 0)).filter(holder=0).exclude(REQUIRES_ACTION)

    def without_worker(self) -> Self:
        """As `waiting`, and those that wait for an approval."""
        return self.alias(holder=Coalesce("worker", 0)).filter(holder=0)

    def with_runs(self) -> Self:
        """With their runs, but without questions and presets: thousands may wait, each with megabytes."""
        return self.select_related("run").defer("run__request", "run__answer", "run__preset_text")


class ActiveRun(models.Model):
    """Exactly one for each run that has not ended: what begins the run makes it, and what ends the run deletes it.

    So the table stays as short as the queue, however many runs there have been. It is vacuumed often (migration 0017):
    each run leaves two dead rows here.
    """

    run = models.OneToOneField(
        Run, primary_key=True, on_delete=models.CASCADE, related_name="active", db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    conversation = models.ForeignKey(
        Conversation,
        null=True,
        on_delete=models.PROTECT,
        related_name="active_runs",
        db_constraint=False,
        db_index=False,
    )
    status = models.CharField(
        max_length=16, choices=[(status, status) for status in ACTIVE], db_default=RunStatus.QUEUED.value
    )
    worker = models.ForeignKey(Worker, null=True, on_delete=models.PROTECT, related_name="active_runs", db_index=False)
    attempt = models.PositiveSmallIntegerField(
        db_default=0, help_text="Never decreases: writes of older attempts are refused."
    )
    attempts_lost = models.PositiveSmallIntegerField(
        db_default=0,
        help_text="Attempts that count towards the limit: lost with their worker, or broken off by the vendor.",
    )
    is_streamed = models.BooleanField(db_default=False, help_text="Whether anybody ever opened it as a stream.")
    queued_at = models.DateTimeField(
        db_default=Now(), help_text="When it last began to wait, for a worker or an approval."
    )
    # Its position in the queue of wake-ups. A sweep that finds its wake-up lost sends it again and does not change
    # this (ADR 11).
    woken_at = models.DateTimeField(
        null=True,
        db_default=Now(),
        help_text="When workers were last woken for it. None while it is held because its account has its share.",
    )
    claimed_at = models.DateTimeField(null=True, help_text="When the current attempt began.")
    cancel_requested_at = models.DateTimeField(null=True, help_text="Its worker checks this several times a second.")
    # The run's part of its account's balance. It is here, so that it cannot outlive the run: whatever deletes this row
    # gives it back or takes it, in the same transaction (ADR 46).
    reserved = models.DecimalField(
        max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_DECIMALS, null=True, help_text="None: the run is not metered."
    )
    reserved_calls = models.PositiveSmallIntegerField(db_default=0)
    markup_percent = models.DecimalField(
        max_digits=8, decimal_places=4, null=True, help_text="The account's, when a metered run was accepted."
    )
    max_cost = models.DecimalField(
        max_digits=AMOUNT_DIGITS,
        decimal_places=AMOUNT_DECIMALS,
        null=True,
        help_text="What its caller would pay for it at most.",
    )

    objects = ActiveRunRows.as_manager()

    class Meta:
        constraints = (
            # Also the list of all that are in progress, which claims and the sweep count.
            models.UniqueConstraint(
                fields=["conversation"], condition=IN_PROGRESS, name="conversation_has_at_most_one_active_run"
            ),
            models.CheckConstraint(
                condition=QUEUED | IN_PROGRESS | REQUIRES_ACTION, name="active_run_has_a_known_status"
            ),
            models.CheckConstraint(
                condition=(IN_PROGRESS & models.Q(worker__isnull=False))
                | ((QUEUED | REQUIRES_ACTION) & models.Q(worker=None)),
                name="active_run_has_a_worker_exactly_while_in_progress",
            ),
        )
        # The statistics of a queue are always out of date, and where they say that it is empty, all indexes look alike.
        # So each has a condition or an order of its own: no planner can take another one for the same question.
        indexes = (
            # Accept, claim and wake_next: which runs of the conversation are active, the oldest first?
            models.Index(
                fields=["conversation", "run"],
                name="active_run_of_conversation",
                condition=models.Q(conversation__isnull=False),
            ),
            # Accept: how many runs of the account wait, and for how long?
            models.Index(
                fields=["account", "queued_at"], name="active_run_waiting_of_account", condition=models.Q(worker=None)
            ),
            # The sweep: lost wake-ups, and runs that have waited too long.
            models.Index(fields=["woken_at"], name="active_run_waiting", condition=QUEUED),
            # The held runs of an account. Empty unless an account has asked for more than its share.
            models.Index(
                fields=["account", "queued_at", "run"],
                name="active_run_held",
                condition=QUEUED & models.Q(woken_at=None),
            ),
            # Those that wait for an approval, of an account and, for the sweep, of all, the oldest first.
            models.Index(fields=["queued_at", "account"], name="active_run_requires_action", condition=REQUIRES_ACTION),
        )

    def __str__(self) -> str:
        return f"active run {self.pk}"

    @property
    def reservation(self) -> Reservation | None:
        """None when the run is not metered."""
        if self.reserved is None:
            return None
        return Reservation(self.reserved, self.reserved_calls)
