"""Delivery: one message for one URL, with every attempt to send it. Its row is the queue of record."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.models.webhooks.endpoints import URL_MAX_CHARS, WebhookEndpoint
from conversations.models.webhooks.events import Event


class Delivery(models.Model):
    """An event for an endpoint, or a run's whole answer for the callback URL of its request.

    `body` is set for callbacks only; what is sent for an event is the event's payload. `schedule_step` numbers the
    attempts since the delivery was created or replayed, and chooses the next wait. `attempts_made` never decreases.

    `next_attempt_at` decides when an attempt may be made. `is_due` is only an index aid: it is false while a pending
    delivery waits for a retry, so that looking for work never reads the rows that wait.
    """

    class Kind(models.TextChoices):
        ENDPOINT = "endpoint"
        CALLBACK = "callback"

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    public_id = models.CharField(max_length=40, default=ids.new_delivery_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        null=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_constraint=False,
        db_index=False,
    )
    event = models.ForeignKey(
        Event, null=True, on_delete=models.PROTECT, related_name="deliveries", db_constraint=False
    )
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="deliveries", db_constraint=False)
    url = models.CharField(max_length=URL_MAX_CHARS)
    destination = models.CharField(
        max_length=300,
        db_column="receiver",
        help_text="Scheme, host and port. An account's attempts at once are limited per destination.",
    )
    is_stored = models.BooleanField(
        db_default=True, help_text="Whether its turn is stored. If not, the body is erased after a day."
    )
    body = models.TextField(null=True, help_text="A callback's exact JSON.")  # noqa: DJ001 — None: an event's, or erased

    status = models.CharField(max_length=9, choices=Status.choices, db_default=Status.PENDING.value)
    attempts_made = models.PositiveIntegerField("attempts", db_column="attempts", db_default=0)
    schedule_step = models.PositiveSmallIntegerField(db_column="tries", db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    next_attempt_at = models.DateTimeField(db_default=Now())
    is_due = models.BooleanField(db_default=True, help_text="Set by the sweep once next_attempt_at has passed.")
    claimed_until = models.DateTimeField(
        null=True, help_text="The sender's lease. One that has lapsed means that the sender died."
    )
    finished_at = models.DateTimeField(null=True)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = (
            # The account's list of deliveries by keyset.
            models.UniqueConstraint(fields=["account", "id"], name="delivery_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="delivery_id_is_unique_in_its_account",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="endpoint", endpoint__isnull=False, event__isnull=False)
                | models.Q(kind="callback", endpoint=None, event=None, run__isnull=False),
                name="delivery_is_of_an_event_or_a_callback",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "succeeded", "failed", "cancelled"]),
                name="delivery_has_a_known_status",
            ),
            models.CheckConstraint(
                condition=models.Q(status="pending", finished_at=None)
                | (~models.Q(status="pending") & models.Q(finished_at__isnull=False, claimed_until=None)),
                name="delivery_has_an_end_when_not_pending",
            ),
        )
        indexes = (
            # Selecting what to send: account by account, destination by destination, the longest due first.
            models.Index(
                fields=["account", "destination", "next_attempt_at"],
                name="delivery_due_of_account",
                condition=models.Q(status="pending", is_due=True),
            ),
            # The sweep: which retries have become due?
            models.Index(
                fields=["next_attempt_at"],
                name="delivery_waiting",
                condition=models.Q(status="pending", is_due=False),
            ),
            # How many deliveries of an account are pending?
            models.Index(fields=["account"], name="delivery_pending", condition=models.Q(status="pending")),
            # An endpoint's deliveries, newest first; also finds its pending ones, to cancel or redirect them.
            models.Index(fields=["endpoint", "-id"], name="delivery_of_endpoint_newest"),
            # The admin's filter by status, newest first, for those that never arrived.
            models.Index(
                fields=["status", "-id"],
                name="delivery_lost_newest",
                condition=models.Q(status__in=["failed", "cancelled"]),
            ),
            # An account's deliveries that never arrived, newest first.
            models.Index(
                fields=["account", "status", "-id"],
                name="delivery_lost_of_account",
                condition=models.Q(status__in=["failed", "cancelled"]),
            ),
            # Retention: which callbacks' bodies are old enough to erase?
            models.Index(fields=["finished_at"], name="delivery_body_oldest", condition=models.Q(body__isnull=False)),
            models.Index(
                fields=["finished_at"],
                name="delivery_body_of_unstored",
                condition=models.Q(body__isnull=False, is_stored=False),
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_of_deleted(self) -> bool:
        """Whether it is about a conversation that was deleted. Reads run and event, each with its conversation."""
        conversations = [about.conversation for about in (self.event, self.run) if about]
        return any(found is not None and found.deleted_at is not None for found in conversations)


class DeliveryAttempt(models.Model):
    """One POST, written when it has ended. `error` says why there was no HTTP status."""

    # The composite key to the delivery stands for both: migration 0028.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="attempts", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    http_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=20, db_default="")
    response = models.TextField(db_default="", help_text="The beginning of the response's body.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["delivery", "number", "account"], name="delivery_attempt_is_written_once"),
            models.CheckConstraint(
                condition=models.Q(http_status=None) ^ models.Q(error=""),
                name="delivery_attempt_has_a_status_or_an_error",
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number}"
