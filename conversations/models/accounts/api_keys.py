"""API key: a bearer secret of an account. Only its SHA-256 is stored, so a copy of the table gives no access."""

from django.contrib.postgres.functions import RandomUUID
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Cast, Concat, Now, Replace

from conversations import ids
from conversations.models.accounts.accounts import MAX_PER_MINUTE, MAX_RUNS, MAX_TOKENS_PER_MINUTE, Account
from conversations.models.rows import AccountRows

HASH_BYTES = 32
PUBLIC_ID_MAX_CHARS = 40
# For the rows of a release that knows no public ids.
_HEX = Replace(
    Cast(RandomUUID(), models.TextField()), models.Value("-"), models.Value(""), output_field=models.TextField()
)
_SOME_ID = Concat(models.Value("key_"), _HEX, output_field=models.TextField())


class ApiKey(models.Model):
    """An empty limit is the account's; where that has none either, the setting's. 0 stands for any number."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_keys")
    public_id = models.CharField(
        max_length=PUBLIC_ID_MAX_CHARS, default=ids.new_key_id, db_default=_SOME_ID, editable=False
    )
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(
        max_length=16, editable=False, help_text="The key's first characters, to tell keys apart."
    )
    key_hash = models.BinaryField(max_length=HASH_BYTES, unique=True, editable=False)
    is_operator = models.BooleanField(
        "operator's", db_default=False, help_text="May also look at what concerns all accounts: /api/v1/upstreams."
    )
    # Both are lists of texts; an empty one permits every family, or every model (rules/key_rights.py).
    scopes = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="The families that it speaks, and keys: that it may make, change and revoke keys.",
    )
    model_patterns = models.JSONField(
        "models",
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="The models that it may ask; * stands for any characters.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_PER_MINUTE)]
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MAX_TOKENS_PER_MINUTE)]
    )
    concurrent_runs = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(MAX_RUNS)])
    made_by = models.CharField(
        max_length=PUBLIC_ID_MAX_CHARS,
        db_default="",
        editable=False,
        help_text="The id of the key that made it; empty when an operator did.",
    )
    replaced_by = models.CharField(
        max_length=PUBLIC_ID_MAX_CHARS,
        db_default="",
        editable=False,
        help_text="The id of its successor, once it was rotated.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on it is refused.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Accurate to the minute.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name = "API key"
        constraints = (
            models.UniqueConstraint(
                fields=["public_id", "account"],
                name="api_key_id_is_unique_in_its_account",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
        )
        indexes = (
            # Lists of an account's keys, and how many it has made of late.
            models.Index(fields=["account", "id"], name="api_key_of_account"),
        )

    def __str__(self) -> str:
        return f"{self.prefix}…"
