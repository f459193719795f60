"""Usage: what runs that have ended used and cost, added up by day and by conversation (services/money/usage.py).

Rows are only added to. They stay when the runs are deleted by their age (ADR 48).
"""

from decimal import Decimal

from django.db import models

from conversations.models.accounts.accounts import Account
from conversations.models.conversations.conversations import Conversation
from conversations.models.money.differences import SUM_DIGITS
from conversations.models.rows import AccountRows
from conversations.models.upstreams import VENDOR_MAX_CHARS
from conversations.rules.money.cost import AMOUNT_DECIMALS

MODEL_MAX_CHARS = 200
UPSTREAM_MODEL_MAX_CHARS = 200


def _amount(help_text: str = "") -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(max_digits=SUM_DIGITS, decimal_places=AMOUNT_DECIMALS, db_default=0, help_text=help_text)


class UsageSums(models.Model):
    """The columns of both tables (values/usage.py): how many runs, the tokens of each kind, what it cost."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField(help_text="In UTC, on which the runs ended.")
    model = models.CharField(max_length=MODEL_MAX_CHARS, help_text="As the caller named it.")
    api_key_key = models.BigIntegerField(db_default=0, help_text="0 is none.")

    runs = models.BigIntegerField(db_default=0)
    unpriced_runs = models.BigIntegerField(db_default=0, help_text="That used something which has no price.")
    estimated_runs = models.BigIntegerField(db_default=0, help_text="Whose tokens the vendor did not report.")
    input = models.BigIntegerField(db_default=0)
    cache_read = models.BigIntegerField(db_default=0)
    cache_write_5m = models.BigIntegerField(db_default=0)
    cache_write_1h = models.BigIntegerField(db_default=0)
    output = models.BigIntegerField(db_default=0)
    reasoning = models.BigIntegerField(db_default=0)
    image_input = models.BigIntegerField(db_default=0)
    image_output = models.BigIntegerField(db_default=0)
    audio_input = models.BigIntegerField(db_default=0)
    audio_output = models.BigIntegerField(db_default=0)
    search = models.BigIntegerField(db_default=0)
    cost = _amount("What was taken from the balance.")
    written_off = _amount("What runs cost beyond what was left.")
    price = _amount("By the price list with the markup, whoever pays.")
    vendor_cost = _amount("By the price list without the markup.")

    class Meta:
        abstract = True


class DayRows(AccountRows["UsageOfDay"]):
    """Both tables have one of their own: of a model with an abstract base the type checker finds no other."""


class UsageOfDay(UsageSums):
    """Of all runs. Their number is that of days × models × keys in use."""

    vendor = models.CharField(max_length=VENDOR_MAX_CHARS, db_default="")
    upstream_model = models.CharField(
        max_length=UPSTREAM_MODEL_MAX_CHARS, db_default="", help_text="The vendor's name of the model."
    )
    is_put_back = models.BooleanField(
        db_default=False, help_text="Of attempts that did not end their run: nobody pays for them."
    )

    objects = DayRows.as_manager()

    class Meta:
        verbose_name = "usage of a day"
        verbose_name_plural = "usage"
        constraints = (
            # Also finds an account's days.
            models.UniqueConstraint(
                fields=["account", "day", "model", "api_key_key", "vendor", "upstream_model", "is_put_back"],
                name="usage_of_a_day_is_added_up_once",
            ),
        )
        indexes = (
            # The comparison with a vendor's invoice.
            models.Index(fields=["vendor", "day"], name="usage_of_vendor_by_day"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model}"


class ConversationRows(AccountRows["UsageOfConversation"]):
    pass


class UsageOfConversation(UsageSums):
    """Of stored runs alone. Its rows go with their conversation."""

    conversation = models.ForeignKey(
        Conversation, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    objects = ConversationRows.as_manager()

    class Meta:
        constraints = (
            # Also finds an account's conversations, the newest first.
            models.UniqueConstraint(
                fields=["account", "conversation", "day", "model", "api_key_key"],
                name="usage_of_a_conversation_is_added_up_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model}"
