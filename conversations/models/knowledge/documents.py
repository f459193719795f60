"""Document: a text, an uploaded file or what was read at a URL, in a knowledge base; and what is kept of it."""

from collections.abc import Mapping
from hashlib import sha256

from django.db import models
from django.db.models.functions import Now

from conversations import ids
from conversations.models.accounts.accounts import Account
from conversations.models.knowledge.bases import KnowledgeBase
from conversations.models.rows import AccountRows
from conversations.models.runs.workers import Worker

DOCUMENT_NAME_MAX_CHARS = 300
DOCUMENT_URL_MAX_CHARS = 2048
MEDIA_TYPE_MAX_CHARS = 150
ERROR_CODE_MAX_CHARS = 50
ERROR_MESSAGE_MAX_CHARS = 500
# Of SHA-256, in hexadecimal.
DIGEST_CHARS = 64


class Document(models.Model):
    """Searches find its passages once it has been ready, also while something else is to replace it.

    `digest` is of the bytes that were given, or of the URL. `indexed_in`: the latest generation of its base that has
    its passages, 0 before it is ready. `next_url`: what is there replaces it as soon as that has been read, and
    `status` and the error are of that. Everything else stays what it is until then.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"

    class Kind(models.TextChoices):
        TEXT = "text"
        FILE = "file"
        URL = "url"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    base = models.ForeignKey(
        KnowledgeBase, on_delete=models.PROTECT, related_name="documents", db_index=False, db_constraint=False
    )
    public_id = models.CharField(max_length=40, default=ids.new_document_id, editable=False)
    name = models.CharField(max_length=DOCUMENT_NAME_MAX_CHARS)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    url = models.CharField(max_length=DOCUMENT_URL_MAX_CHARS, db_default="")
    next_url = models.CharField("next URL", max_length=DOCUMENT_URL_MAX_CHARS, db_default="")
    digest = models.CharField(max_length=DIGEST_CHARS)
    media_type = models.CharField(max_length=MEDIA_TYPE_MAX_CHARS, db_default="")
    status = models.CharField(max_length=16, choices=Status.choices, db_default=Status.QUEUED.value)
    error_code = models.CharField(max_length=ERROR_CODE_MAX_CHARS, db_default="")
    error_message = models.CharField(max_length=ERROR_MESSAGE_MAX_CHARS, db_default="")
    size = models.BigIntegerField(db_default=0, help_text="Bytes that were given, or read at the URL.")
    held_bytes = models.BigIntegerField(db_default=0, help_text="What counts for the account's quota.")
    characters = models.PositiveIntegerField(db_default=0)
    pages = models.PositiveIntegerField(db_default=0, help_text="0 for what has no pages.")
    passages = models.PositiveIntegerField(db_default=0)
    indexed_in = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ready_at = models.DateTimeField(null=True, editable=False)

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # What content, jobs and passages point at.
            models.UniqueConstraint(fields=["account", "id"], name="document_has_one_account"),
            models.UniqueConstraint(
                fields=["public_id", "account"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="document_id_is_unique_in_its_account",
            ),
            # A repeated upload is the same document.
            models.UniqueConstraint(fields=["base", "digest", "name", "account"], name="document_is_in_its_base_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "processing", "ready", "failed"]),
                name="document_has_a_known_status",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["text", "file", "url"]), name="document_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="failed") | ~models.Q(error_code=""), name="document_says_why_it_failed"
            ),
        )
        indexes = (
            # The base's list by keyset, the work of re-indexing and of deleting. With the account, which each of these
            # names: otherwise the planner takes an index that has it, and sorts all documents of the base.
            models.Index(fields=["base", "account", "-id"], name="document_of_base_in_order"),
            # How many of each status a base has; its list of one status.
            models.Index(fields=["base", "status", "id"], name="document_of_base_by_status"),
            # The admin's lists of one status: hardly any document is not ready, and those may all be old.
            models.Index(
                fields=["status", "-id"],
                name="document_not_ready",
                condition=models.Q(status__in=["queued", "processing", "failed"]),
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    def replaced(self, url: str) -> dict[str, str]:
        """What it is once it is what is at the URL. One that was called by its URL still is."""
        was_called_by_it = self.url and self.name == self.url[:DOCUMENT_NAME_MAX_CHARS]
        return {
            "name": url[:DOCUMENT_NAME_MAX_CHARS] if was_called_by_it else self.name,
            "kind": self.Kind.URL.value,
            "url": url,
            "digest": sha256(url.encode()).hexdigest(),
        }

    def has_twin(self, replaced: Mapping[str, str]) -> bool:
        """Whether its base has another document that is the same as it would be then."""
        same = Document.objects.for_account(self.account_id).filter(
            base=self.base_id, digest=replaced["digest"], name=replaced["name"]
        )
        return same.exclude(pk=self.pk).exists()


class DocumentContent(models.Model):
    """What was given, until the document is ready, and its text as soon as it is known.

    A table of its own, so that no list ever reads it.
    """

    document = models.OneToOneField(
        Document, on_delete=models.PROTECT, related_name="content", primary_key=True, db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    data = models.BinaryField(null=True)
    text = models.TextField(db_default="", help_text="Empty until it is known.")
    page_starts = models.JSONField(default=list)

    objects = AccountRows.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


class IndexingJob(models.Model):
    """That a document is to be indexed: the row is the queue, and is deleted when that is done or has failed.

    Claimed while it points at a worker, whose lease is the job's (models/runs/workers.py). `is_rebuild`: the document
    is ready, and is indexed into the next generation of its base.
    """

    document = models.OneToOneField(
        Document, on_delete=models.PROTECT, related_name="job", primary_key=True, db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    base = models.ForeignKey(
        KnowledgeBase, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    is_rebuild = models.BooleanField(db_default=False)
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(db_default=0)
    worker = models.ForeignKey(Worker, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    claimed_at = models.DateTimeField(null=True)
    progress = models.FloatField(db_default=0.0, help_text="From 0 to 1.")

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(worker=None, claimed_at=None)
                | models.Q(worker__isnull=False, claimed_at__isnull=False),
                name="job_is_claimed_by_a_worker",
            ),
        )
        indexes = (
            # Claims: the account's job that has been due for longest, from account to account.
            models.Index(fields=["account", "due_at", "document"], name="job_waiting", condition=models.Q(worker=None)),
            # Claims and the sweep: what is being worked on, and by whom?
            models.Index(fields=["worker", "account"], name="job_claimed", condition=models.Q(worker__isnull=False)),
            # Has the base's re-indexing been worked off? Also: may the base be deleted?
            models.Index(fields=["base", "is_rebuild"], name="job_of_base"),
        )

    def __str__(self) -> str:
        return str(self.pk)
