"""Preset: a named system prompt with default model and parameters. A change is a new version, never an edit."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

NAME_MAX_CHARS = 100


class Preset(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="presets", db_index=False)
    name = models.CharField(max_length=NAME_MAX_CHARS)
    version = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    text = models.TextField()
    model = models.CharField(
        max_length=200, blank=True, help_text="Used by API families whose requests may name no model."
    )
    parameters = models.JSONField(default=dict, blank=True, help_text="Generation options, such as temperature.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # Also the index that finds a name's newest version, which every turn with a preset needs.
            models.UniqueConstraint("account", "name", "version", name="preset_version_is_unique_in_its_account"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="preset_versions_count_from_one"),
            models.CheckConstraint(condition=~models.Q(name=""), name="preset_has_a_name"),
        )

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
