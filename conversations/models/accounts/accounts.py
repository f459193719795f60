"""Account: the customer. It owns keys, presets, conversations and runs, and how many of each is limited."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from conversations import ids

MARKUP_MAX_PERCENT = 1000
# The most that a limit can be. What a minute holds is counted in whole microseconds (`rate_limits`).
MAX_PER_MINUTE = 1_000_000
MAX_TOKENS_PER_MINUTE = 10_000_000
MAX_RUNS = 1_000_000


class Account(models.Model):
    public_id = models.CharField(max_length=40, unique=True, default=ids.new_account_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField(default=True, help_text="A disabled account's keys are refused.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    erased_at = models.DateTimeField(
        null=True, editable=False, help_text="A tombstone: everything of it is erased, and it is never enabled again."
    )
    event_sequence = models.BigIntegerField(
        db_default=0, editable=False, help_text="The last sequence number of its events that belong to no conversation."
    )
    markup_percent = models.DecimalField(
        max_digits=8,
        decimal_places=4,
        default=Decimal(0),
        db_default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(MARKUP_MAX_PERCENT)],
        help_text="What is added to the vendors' prices, in percent.",
    )
    # Empty means the installation's setting (services/accounts/quotas.py).
    max_conversations = models.PositiveIntegerField(null=True, blank=True)
    max_api_keys = models.PositiveIntegerField("max API keys", null=True, blank=True)
    max_presets = models.PositiveIntegerField(null=True, blank=True, help_text="Versions, of all presets together.")
    max_webhook_endpoints = models.PositiveIntegerField(null=True, blank=True)
    max_tools = models.PositiveIntegerField(null=True, blank=True)
    max_mcp_servers = models.PositiveIntegerField("max MCP servers", null=True, blank=True)
    max_idempotency_keys = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of those that are kept (KEEP_IDEMPOTENCY_KEYS_DAYS)."
    )
    max_knowledge_bases = models.PositiveIntegerField(null=True, blank=True)
    max_knowledge_documents = models.PositiveIntegerField(null=True, blank=True, help_text="Of all bases together.")
    max_knowledge_bytes = models.BigIntegerField(
        null=True, blank=True, validators=[MinValueValidator(0)], help_text="Of all documents together."
    )
    max_assistants = models.PositiveIntegerField(null=True, blank=True)
    max_intents = models.PositiveIntegerField(null=True, blank=True)
    max_visitors = models.PositiveIntegerField(null=True, blank=True)
    # Of all its keys together, and of each key that has no limit of its own. Empty: each key has the setting's, and the
    # account none. 0: any number.
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_PER_MINUTE)]
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_TOKENS_PER_MINUTE)]
    )
    concurrent_runs = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(MAX_RUNS)])
    # The sweep adds rows some seconds after they were created (services/accounts/tallies.py); deleting one subtracts it
    # at once. A row that is deleted before it was counted makes the number negative for a moment.
    conversation_count = models.BigIntegerField(db_column="conversations_kept", db_default=0, editable=False)
    visitor_count = models.BigIntegerField(db_default=0, editable=False)
    idempotency_key_count = models.BigIntegerField(db_column="idempotency_keys_kept", db_default=0, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~models.Q(name=""), name="account_has_a_name"),
            # NaN is greater than every number.
            models.CheckConstraint(
                condition=models.Q(markup_percent__gte=0, markup_percent__lte=MARKUP_MAX_PERCENT),
                name="account_has_a_markup_of_no_less_than_nothing",
            ),
        )

    def __str__(self) -> str:
        return self.name
