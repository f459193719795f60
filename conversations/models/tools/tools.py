"""HTTP tool of an account: what a model is told of it, and the request that a call of it sends."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.webhooks.endpoints import URL_MAX_CHARS
from conversations.values.tools import ArgumentsIn

# OpenAI's bound of a function's name, and what it may be made of.
NAME_MAX_CHARS = 64
NAME_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
DESCRIPTION_MAX_CHARS = 4_096
TIMEOUT_SECONDS = 30
TIMEOUT_MAX_SECONDS = 120


class Tool(models.Model):
    """Deleting one deletes its row: runs keep the name and the result of each call."""

    class Method(models.TextChoices):
        GET = "GET"
        POST = "POST"
        PUT = "PUT"
        PATCH = "PATCH"
        DELETE = "DELETE"

    ARGUMENTS_IN = tuple((place.value, place.value) for place in ArgumentsIn)

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_tool_id, editable=False)
    name = models.CharField(max_length=NAME_MAX_CHARS)
    description = models.CharField(max_length=DESCRIPTION_MAX_CHARS, db_default="", blank=True)
    parameters = models.JSONField(help_text="A JSON Schema of its arguments.")
    method = models.CharField(max_length=6, choices=Method.choices)
    url = models.CharField("URL", max_length=URL_MAX_CHARS, help_text="{name} is the place of that argument.")
    arguments_in = models.CharField(max_length=5, choices=ARGUMENTS_IN)
    header_names = models.JSONField(help_text="Their values are encrypted.")
    encrypted_headers = models.TextField(db_default="", editable=False)
    is_idempotent = models.BooleanField(db_default=False)
    needs_approval = models.BooleanField(db_default=False)
    timeout_seconds = models.PositiveSmallIntegerField(db_default=TIMEOUT_SECONDS)
    is_enabled = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="tool_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(fields=["account", "name"], name="tool_name_is_unique_in_its_account"),
            models.CheckConstraint(condition=models.Q(name__regex=NAME_PATTERN), name="tool_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(method__in=["GET", "POST", "PUT", "PATCH", "DELETE"]), name="tool_has_a_method"
            ),
            models.CheckConstraint(
                condition=models.Q(arguments_in__in=[place.value for place in ArgumentsIn]),
                name="tool_has_a_place_for_arguments",
            ),
            models.CheckConstraint(
                condition=models.Q(timeout_seconds__range=(1, TIMEOUT_MAX_SECONDS)), name="tool_has_a_timeout"
            ),
        )

    def __str__(self) -> str:
        return self.public_id
