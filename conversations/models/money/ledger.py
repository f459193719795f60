"""Ledger entry: one change of a balance, and why. Entries are only ever added."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.accounts.api_keys import ApiKey
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.rules.money.cost import AMOUNT_DECIMALS, AMOUNT_DIGITS
from conversations.values.money import EntryKind

KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in EntryKind]
# The ends of a reservation: a run has one at most, whatever ends it and however often that is tried.
ENDS = (EntryKind.SETTLE.value, EntryKind.RELEASE.value)
NOTE_MAX_CHARS = 200
REFERENCE_MAX_CHARS = 100
ENTERED_ONCE = "ledger_reference_is_entered_once"
REFUNDS = models.Q(kind=EntryKind.REFUND.value)


class LedgerEntry(models.Model):
    """`amount`, `reserved` and `calls` are what the entry adds to the columns of the balance.

    A trigger (migration 0033) refuses every DELETE, and every UPDATE but of an erased account's `note`, which
    becomes empty. So no entry points at a row with a foreign key that
    could change it: runs are deleted by age, entries are not.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name="API key",
    )
    kind = models.CharField(max_length=8, choices=KINDS)
    amount = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_DECIMALS, db_default=0)
    reserved = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=AMOUNT_DECIMALS, db_default=0)
    calls = models.BigIntegerField(db_default=0)
    written_off = models.DecimalField(
        max_digits=AMOUNT_DIGITS,
        decimal_places=AMOUNT_DECIMALS,
        db_default=0,
        help_text="What the run cost beyond what was left.",
    )
    model = models.CharField(max_length=200, db_default="", help_text="As the caller named it.")
    explanation = models.JSONField(null=True, help_text="The price of each kind of unit, the tier and the markup.")
    usage_source = models.CharField(max_length=16, db_default="")
    note = models.CharField(max_length=NOTE_MAX_CHARS, db_default="")
    reference = models.CharField(
        max_length=REFERENCE_MAX_CHARS,
        db_default="",
        help_text="The payment that it is for. An account has no two entries with the same one.",
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = (
            models.UniqueConstraint(
                fields=["account", "run"], condition=models.Q(kind__in=ENDS), name="run_is_paid_once"
            ),
            # Of what is entered by hand. No turn has one, so it costs turns nothing.
            models.UniqueConstraint(
                fields=["account", "reference"],
                condition=~models.Q(reference=""),
                name=ENTERED_ONCE,
                violation_error_message="This reference has been entered already: nothing is changed.",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in EntryKind]), name="ledger_entry_has_a_known_kind"
            ),
        )
        indexes = (
            # The account's ledger, newest first, and what it adds up to (services/money/reconcile.py).
            models.Index(fields=["account", "-id"], name="ledger_of_account_newest"),
            # What was given back of a run (queries/money/costs.py). Its end is found by run_is_paid_once.
            models.Index(fields=["account", "run"], name="ledger_refund_of_run", condition=REFUNDS),
            # What runs paid before they waited for an approval (queries/money/).
            models.Index(
                fields=["account", "run"],
                name="ledger_pause_of_run",
                condition=models.Q(kind=EntryKind.PAUSE.value),
            ),
            # An erasure: what was noted by hand (services/erasures/accounts.py).
            models.Index(fields=["account", "id"], name="ledger_note_of_account", condition=~models.Q(note="")),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
