"""Ledger difference: two places that say different things of an account's money, as the last comparison found them."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.rules.money.cost import AMOUNT_DECIMALS

# Sums of many amounts are larger than one.
SUM_DIGITS = 30


class LedgerDifference(models.Model):
    """There should be none. Nothing repairs one by itself: somebody has to find out what is true."""

    class What(models.TextChoices):
        AMOUNT = "amount", "ledger and balance: amount"
        RESERVED = "reserved", "ledger and balance: reserved"
        CALLS = "calls", "ledger and balance: calls"
        ACTIVE = "active", "active runs and balance: reserved"
        LEFT_OVER = "left_over", "reserved for a run that has ended"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    what = models.CharField(max_length=16, choices=What.choices)
    run_key = models.BigIntegerField(db_default=0)
    expected = models.DecimalField(max_digits=SUM_DIGITS, decimal_places=AMOUNT_DECIMALS)
    found = models.DecimalField(max_digits=SUM_DIGITS, decimal_places=AMOUNT_DECIMALS)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            # Two comparisons at once find the same.
            models.UniqueConstraint(fields=["account", "what", "run_key"], name="ledger_difference_is_said_once"),
        )

    def __str__(self) -> str:
        return f"{self.what} of account {self.account_id}"
