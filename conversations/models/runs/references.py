"""Reference: a URL, file or text attached to a run. Nothing fetches or extracts its content yet."""

from django.db import models
from django.db.models.functions import Now

from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows
from conversations.models.runs.runs import Run
from conversations.values.requests import ReferenceKind


class Reference(models.Model):
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="references", db_constraint=False, db_index=False
    )
    position = models.PositiveSmallIntegerField(help_text="Counts from 0, in the caller's order.")
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value) for kind in ReferenceKind])
    content = models.TextField(help_text="The URL of an image or file, or the literal text.")
    name = models.CharField(max_length=255, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["run", "position", "account"], name="reference_has_one_place_in_its_run"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in ReferenceKind]), name="reference_has_a_known_kind"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.position}"
