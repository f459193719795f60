"""Keys of vendors, and targets of models: what the admin adds to the catalogue and the environment."""

from django.db import models
from django.db.models.functions import Now

MODEL_MAX_CHARS = 200
VENDOR_MAX_CHARS = 50
KEY_NAME_MAX_CHARS = 100
# Vendor, key and model, and what joins them (`routing.targets`). Names outside the catalogue come from callers.
TARGET_NAME_MAX_CHARS = VENDOR_MAX_CHARS + KEY_NAME_MAX_CHARS + MODEL_MAX_CHARS + 50
MAX_WEIGHT = 1000
MAX_CONCURRENT = 1_000_000


class UpstreamKey(models.Model):
    """A key of a vendor, encrypted, with the address that it is for. The vendor's keys share its models' questions."""

    name = models.CharField(max_length=KEY_NAME_MAX_CHARS, unique=True, help_text="What runs and logs call it.")
    vendor = models.CharField(max_length=VENDOR_MAX_CHARS)
    base_url = models.CharField(
        "base URL",
        max_length=500,
        blank=True,
        help_text="Where the key belongs; it is sent nowhere else. Empty: the vendor's own address.",
    )
    encrypted = models.TextField(blank=True, editable=False)
    fingerprint = models.CharField(max_length=16, editable=False, help_text="Changes with the key or its address.")
    weight = models.PositiveSmallIntegerField(default=1, help_text="Its share beside the vendor's other keys.")
    max_concurrent = models.PositiveIntegerField(
        default=0, help_text="Calls of one model that it is asked for at once; 0 for any number."
    )
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    replaced_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(weight__range=(1, MAX_WEIGHT)), name="upstream_key_has_a_share"),
        )

    def __str__(self) -> str:
        return self.name


class UpstreamTarget(models.Model):
    """One of the places where questions to a model may go. A model that has any is served by these alone."""

    model = models.CharField(max_length=MODEL_MAX_CHARS, db_index=True, help_text="The name that callers give.")
    vendor = models.CharField(max_length=VENDOR_MAX_CHARS)
    key = models.ForeignKey(
        UpstreamKey, null=True, blank=True, on_delete=models.CASCADE, related_name="targets",
        help_text="Empty: every key of the vendor, each a target of its own.",
    )  # fmt: skip
    upstream_model = models.CharField(
        max_length=MODEL_MAX_CHARS, blank=True, help_text="The vendor's name of the model, where it is another."
    )
    priority = models.PositiveSmallIntegerField(default=1, help_text="1 is asked first, 2 when no 1 can be asked, …")
    weight = models.PositiveSmallIntegerField(default=1, help_text="Its share among targets of the same priority.")
    max_concurrent = models.PositiveIntegerField(default=0, help_text="Calls at once; 0 for any number.")
    connect_timeout = models.FloatField(null=True, blank=True, help_text="In seconds; empty: the setting's.")
    read_timeout = models.FloatField(
        null=True, blank=True, help_text="Longest silence between two bytes, in seconds; empty: the setting's."
    )
    context_window = models.PositiveIntegerField(null=True, blank=True, help_text="In tokens; empty: the catalogue's.")
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the catalogue's.")
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(weight__range=(1, MAX_WEIGHT)), name="upstream_target_has_a_share"
            ),
            models.CheckConstraint(condition=models.Q(priority__gte=1), name="upstream_target_has_a_priority"),
        )

    def __str__(self) -> str:
        return f"{self.model} → {self.vendor}{f' / {self.key}' if self.key else ''}"


class UpstreamVersion(models.Model):
    """One row: its number grows with every change of keys and targets. Processes look at it and nothing else."""

    ONLY = 1
    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    version = models.BigIntegerField(db_default=0)

    def __str__(self) -> str:
        return str(self.version)
