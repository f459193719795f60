"""Balance: the money and calls that a metered account has left. The sum of its ledger, kept beside it."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.rules.money.cost import AMOUNT_DECIMALS, AMOUNT_DIGITS, MAX_AMOUNT

OVERDRAWN = "balance_is_not_overdrawn"
NO_CALLS_LEFT = "balance_has_calls"


class Balance(models.Model):
    """One for each metered account, made when it is metered for the first time; every turn of it changes this row.

    It is a row of its own, and the last that any transaction locks but for the account's event numbers: whoever waits
    for a conversation does not hold up the account's other turns (ADR 46).
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="balance")
    amount = models.DecimalField(
        max_digits=AMOUNT_DIGITS,
        decimal_places=AMOUNT_DECIMALS,
        null=True,
        editable=False,
        help_text="With what is reserved. None: the account pays no money, only its calls are counted.",
    )
    reserved = models.DecimalField(
        max_digits=AMOUNT_DIGITS,
        decimal_places=AMOUNT_DECIMALS,
        db_default=0,
        editable=False,
        help_text="For runs that have not ended.",
    )
    calls_left = models.BigIntegerField(null=True, editable=False, help_text="None is any number.")
    # Amounts of another currency than the installation's are never read as amounts of it (`balances.foreign_currency`).
    currency = models.CharField(max_length=3, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What two turns at the same moment cannot both take, the second one of them is refused by these.
            models.CheckConstraint(condition=models.Q(amount__gte=models.F("reserved")), name=OVERDRAWN),
            models.CheckConstraint(condition=models.Q(calls_left__gte=0), name=NO_CALLS_LEFT),
            models.CheckConstraint(condition=models.Q(reserved__gte=0), name="balance_reserves_no_less_than_nothing"),
            # NaN is greater than every number.
            models.CheckConstraint(
                condition=models.Q(amount__lte=MAX_AMOUNT) & models.Q(reserved__lte=MAX_AMOUNT),
                name="balance_is_a_number",
            ),
        )

    def __str__(self) -> str:
        return f"balance of account {self.account_id}"
