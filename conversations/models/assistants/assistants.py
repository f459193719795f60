"""Assistant: a named configuration of an account for answering. A change is a new version, never an edit."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.values.assistants import AssistantKind, FallbackHandler

NAME_MAX_CHARS = 100
GREETING_MAX_CHARS = 4_000
FALLBACK_MAX_CHARS = 20_000
PROMPT_MAX_CHARS = 100_000
HISTORY_MOST = 1_000


class Assistant(models.Model):
    """`version` is the number of its newest version, which is what turns use. A deleted one is a tombstone."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_assistant_id, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    is_default = models.BooleanField(db_default=False, help_text="Answers the account's requests that name none.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What versions, dialogues and runs point at; also the account's list.
            models.UniqueConstraint(fields=["account", "id"], name="assistant_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="assistant_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(is_default=True, deleted_at=None),
                name="account_has_one_default_assistant",
            ),
        )

    def __str__(self) -> str:
        return self.public_id


class AssistantVersion(models.Model):
    """`prompt` is as a request's `preset`: the name of a stored preset, whose newest version is used, or a text."""

    KINDS = tuple((kind.value, kind.value) for kind in AssistantKind)
    HANDLERS = tuple((handler.value, handler.value) for handler in FallbackHandler)

    # The composite key to the assistant stands for both: migration 0049.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    assistant = models.ForeignKey(
        Assistant, on_delete=models.CASCADE, related_name="versions", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=NAME_MAX_CHARS)
    kind = models.CharField(max_length=16, choices=KINDS)
    model = models.CharField(max_length=200, db_default="", blank=True, help_text="Empty: the setting DEFAULT_MODEL.")
    prompt = models.TextField(db_default="", blank=True, help_text="The name of a preset, or a system prompt.")
    options = models.JSONField(default=dict, blank=True, help_text="Generation options, such as temperature.")
    has_context = models.BooleanField(db_default=True, default=True, help_text="Remembers what a visitor said before.")
    history_most = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many earlier messages its model is shown; empty: as many as fit."
    )
    # Lists of public ids.
    knowledge = models.JSONField(default=list, blank=True)
    tools = models.JSONField(default=list, blank=True)
    intents = models.JSONField(default=list, blank=True)
    search = models.BooleanField(db_default=False, default=False, help_text="Searches the web before each answer.")
    fallback = models.CharField(
        max_length=16,
        choices=HANDLERS,
        db_default=FallbackHandler.CUSTOM.value,
        help_text="What happens when its knowledge holds nothing that fits.",
    )
    fallback_text = models.TextField(db_default="", blank=True)
    decodes_base64 = models.BooleanField("decodes base64", db_default=True, default=True)
    greeting = models.TextField(db_default="", blank=True)
    requires_token = models.BooleanField(
        db_default=False, default=False, help_text="Only client tokens may ask it in the name of a visitor."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["assistant", "number", "account"], name="assistant_version_has_its_own_number"
            ),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="assistant_versions_count_from_one"),
            models.CheckConstraint(condition=~models.Q(name=""), name="assistant_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in AssistantKind]), name="assistant_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(fallback__in=[handler.value for handler in FallbackHandler]),
                name="assistant_has_a_known_fallback",
            ),
            models.CheckConstraint(
                condition=~models.Q(fallback=FallbackHandler.FIX.value) | ~models.Q(fallback_text=""),
                name="assistant_has_a_text_to_fall_back_on",
            ),
        )

    def __str__(self) -> str:
        # Without its name: Django's log of the admin keeps this, whatever is deleted.
        return f"version {self.number} of assistant {self.assistant_id}"
