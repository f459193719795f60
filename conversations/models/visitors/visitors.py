"""Visitor: an end user of an account. Yuju calls it a contact (docs/contract D.4)."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

NAME_MAX_CHARS = 200
EMAIL_MAX_CHARS = 254
MOBILE_MAX_CHARS = 50
EXTERNAL_ID_MAX_CHARS = 128


class Visitor(models.Model):
    """`attributes` is what else the customer says of it. `last_seen_at` is accurate to the minute.

    A deleted one is a tombstone until what is its own is erased, or moved to the one that it was `merged_into`.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_visitor_id, editable=False)
    name = models.CharField(max_length=NAME_MAX_CHARS, db_default="", blank=True)
    email = models.CharField(max_length=EMAIL_MAX_CHARS, db_default="", blank=True)
    mobile = models.CharField(max_length=MOBILE_MAX_CHARS, db_default="", blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    first_seen_at = models.DateTimeField(null=True, editable=False, help_text="Empty: it has never asked anything.")
    last_seen_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    # The composite key stands for it: migration 0054.
    merged_into = models.ForeignKey(
        "Visitor",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        editable=False,
    )

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What identities, dialogues and runs point at.
            models.UniqueConstraint(fields=["account", "id"], name="visitor_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="visitor_id_is_unique_in_its_account",
            ),
        )
        indexes = (
            # The account's list, and the admin's of all accounts.
            models.Index(fields=["account", "id"], name="visitor_of_account", condition=models.Q(deleted_at=None)),
            # When one is merged or deleted: who was merged into it, and is not through yet?
            models.Index(fields=["merged_into"], name="visitor_merged", condition=models.Q(merged_into__isnull=False)),
            # Searches for contacts by what tells one person from others, newest first.
            *(
                models.Index(
                    fields=["account", name, "-id"],
                    name=f"visitor_by_{name}",
                    condition=~models.Q(**{name: ""}) & models.Q(deleted_at=None),
                )
                for name in ("email", "mobile", "name")
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def external_ids(self) -> tuple[str, ...]:
        """In the order in which they were given. The identities should be loaded."""
        return tuple(one.external_id for one in sorted(self.identities.all(), key=lambda one: one.pk))


class VisitorIdentity(models.Model):
    """A customer's own id of a visitor: `visitorId`, or `user` of `/v1`. A merged visitor has those of both."""

    # The composite key to the visitor stands for both: migration 0049.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    visitor = models.ForeignKey(
        Visitor, on_delete=models.CASCADE, related_name="identities", db_constraint=False, db_index=False
    )
    external_id = models.CharField(max_length=EXTERNAL_ID_MAX_CHARS)

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name_plural = "visitor identities"
        constraints = (
            models.UniqueConstraint(
                fields=["account", "external_id"], name="visitor_identity_is_unique_in_its_account"
            ),
            models.CheckConstraint(condition=~models.Q(external_id=""), name="visitor_identity_is_not_empty"),
        )
        # The identities of a visitor, in order; also the database, when one is deleted.
        indexes = (models.Index(fields=["visitor", "id"], name="identity_of_visitor"),)

    def __str__(self) -> str:
        return f"identity {self.pk}"
