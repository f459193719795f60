"""Price: what units of one kind of a model cost from a date on. It is never changed: a new price is a new row."""

from django.db import models
from django.db.models.functions import Now

from conversations.values.prices import PriceSource, UnitKind

SOURCES = [(source.value, source.value) for source in PriceSource]
KINDS = [(kind.value, kind.value.replace("_", " ")) for kind in UnitKind]
VENDOR_MAX_CHARS = 50
MODEL_MAX_CHARS = 200
AMOUNT_MAX = 100_000


class Price(models.Model):
    """Which one holds, when several could: rules/prices/price_book.py.

    A trigger (migration 0030) refuses every UPDATE, and a DELETE once the price is valid.
    """

    vendor = models.CharField(max_length=VENDOR_MAX_CHARS)
    model = models.CharField(
        max_length=MODEL_MAX_CHARS, help_text="The vendor's own name of it; an asterisk at the end is any ending."
    )
    kind = models.CharField(max_length=16, choices=KINDS)
    amount = models.DecimalField(
        max_digits=20, decimal_places=10, help_text="Of a million tokens, of one call or of one search."
    )
    currency = models.CharField(max_length=3)
    from_input_tokens = models.PositiveIntegerField(
        db_default=0, help_text="The length of the prompts that it is for: so many tokens or more."
    )
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=16, choices=SOURCES)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = (
            # Also finds the prices of a model, and those of a kind that came later (admin/money/prices.py).
            models.UniqueConstraint(
                fields=["vendor", "model", "kind", "valid_from", "source", "from_input_tokens", "currency"],
                name="price_is_said_once",
            ),
            # NaN is greater than every number.
            models.CheckConstraint(
                condition=models.Q(amount__gte=0, amount__lte=AMOUNT_MAX), name="price_is_no_less_than_nothing"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in UnitKind]), name="price_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=[source.value for source in PriceSource]),
                name="price_has_a_known_source",
            ),
            models.CheckConstraint(condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="price_has_a_currency"),
            models.CheckConstraint(
                condition=~models.Q(vendor="") & models.Q(model__regex=r"^([^*]+\*?|\*)$"), name="price_has_a_model"
            ),
        )

    def __str__(self) -> str:
        return f"{self.vendor} {self.model}: {self.kind}"
