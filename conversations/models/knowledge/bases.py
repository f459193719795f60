"""Knowledge base: documents of an account that are searched together; and how much an account has of these."""

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.rows import AccountRows

BASE_NAME_MAX_CHARS = 200
EMBEDDING_MAX_CHARS = 200
REINDEX_ERROR_MAX_CHARS = 600


class KnowledgeBase(models.Model):
    """Searches read the passages of one `generation`.

    A re-indexing makes `next_generation` beside it: `planned_to` is the key of the last document that was given work
    for it. Whichever generation is not needed any more is `stale_generation` until its passages are deleted.
    A deleted base is a tombstone without a name until its documents are gone, and its row goes with the last of them.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="knowledge_bases", db_index=False)
    public_id = models.CharField(max_length=40, default=ids.new_knowledge_base_id, editable=False)
    name = models.CharField(max_length=BASE_NAME_MAX_CHARS)
    embedding = models.CharField(
        max_length=EMBEDDING_MAX_CHARS, db_default="", blank=True, help_text="Empty: words alone are searched for."
    )
    generation = models.PositiveIntegerField(db_default=1, editable=False)
    index_version = models.PositiveIntegerField(
        db_default=0, editable=False, help_text="How the passages of the generation were made (index.VERSION)."
    )
    last_generation = models.PositiveIntegerField(db_default=1, editable=False, help_text="No number comes again.")
    next_generation = models.PositiveIntegerField(null=True, editable=False)
    next_embedding = models.CharField(max_length=EMBEDDING_MAX_CHARS, db_default="", editable=False)
    planned_to = models.BigIntegerField(db_default=0, editable=False)
    stale_generation = models.PositiveIntegerField(null=True, editable=False)
    reindex_error = models.CharField(max_length=REINDEX_ERROR_MAX_CHARS, db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What documents and passages point at; also the account's list.
            models.UniqueConstraint(fields=["account", "id"], name="base_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="base_id_is_unique_in_its_account",
            ),
            models.UniqueConstraint(
                fields=["account", "name"],
                condition=models.Q(deleted_at=None),
                name="base_has_a_name_of_its_own",
            ),
            models.CheckConstraint(
                condition=models.Q(next_generation=None) | models.Q(next_generation__gt=models.F("generation")),
                name="base_is_reindexed_into_a_later_generation",
            ),
        )
        indexes = (
            # The upkeep worker: which have something to plan, to switch or to delete?
            models.Index(
                fields=["id"],
                name="base_with_work",
                condition=models.Q(deleted_at__isnull=False)
                | models.Q(next_generation__isnull=False)
                | models.Q(stale_generation__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.public_id


class KnowledgeUsage(models.Model):
    """How much an account's documents are, for its quotas: changed in the transactions that change these.

    A row of its own, because turns lock that of the account.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="+", primary_key=True)
    documents = models.BigIntegerField(db_default=0)
    held_bytes = models.BigIntegerField(db_default=0)

    objects = AccountRows.as_manager()

    def __str__(self) -> str:
        return str(self.pk)
