"""What searches of knowledge bases read: passages, how many have each word, and vectors.

Written by services/knowledge/index.py alone, read by queries/knowledge/.
"""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from conversations.models.accounts.accounts import Account
from conversations.models.knowledge.bases import KnowledgeBase
from conversations.models.knowledge.documents import Document
from conversations.models.rows import AccountRows

# Of a word, as conversations/knowledge/terms.py makes them.
TERM_MAX_CHARS = 64
VECTORS_ERROR_MAX_CHARS = 200
REFUSAL_MAX_CHARS = 50


class PassageIndex(models.Model):
    """The passages of one generation of a base: how many there are, and how many words they have together.

    Its row is locked by whatever changes them, so the keys of an index's passages grow in the order of their commits,
    and `vectors_to` is the last passage that vectors have been made for. `vectors_at`: when the next are to be made.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    # The composite keys of migration 0039 stand for these.
    base = models.ForeignKey(
        KnowledgeBase, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    generation = models.PositiveIntegerField()
    passages = models.BigIntegerField(db_default=0)
    words = models.BigIntegerField(db_default=0)
    last_passage = models.BigIntegerField(db_default=0, help_text="The key of the newest.")
    vectors_to = models.BigIntegerField(db_default=0)
    vectors = models.BigIntegerField(db_default=0, help_text="How many passages have one.")
    refused = models.BigIntegerField(db_default=0, help_text="How many passages the model makes none for.")
    dimensions = models.PositiveIntegerField(null=True, help_text="Of its vectors; set by the first.")
    vectors_at = models.DateTimeField(null=True, help_text="Set while some are missing.")
    vectors_failures = models.PositiveIntegerField(db_default=0, help_text="In a row.")
    vectors_error = models.CharField(max_length=VECTORS_ERROR_MAX_CHARS, db_default="")

    objects = AccountRows.as_manager()

    class Meta:
        verbose_name_plural = "passage indexes"
        constraints = (
            models.UniqueConstraint(fields=["account", "id"], name="passage_index_has_one_account"),
            models.UniqueConstraint(fields=["base", "generation", "account"], name="base_has_one_index_a_generation"),
            models.CheckConstraint(
                condition=models.Q(passages__gte=0, words__gte=0, vectors__gte=0), name="passage_index_counts_from_zero"
            ),
        )
        indexes = (
            # The worker that makes vectors: where are some missing, for the longest time first?
            models.Index(
                fields=["vectors_at"], name="passage_index_lacks_vectors", condition=models.Q(vectors_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"passages of base {self.base_id}, generation {self.generation}"


class StoredPassage(models.Model):
    """A piece of a document's text: its characters from `start` up to `end`.

    `lexemes`: its words, each behind the key of its index. So every index has entries of its own in the one GIN index,
    and a search of a small base reads as little however many others there are.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    index = models.ForeignKey(
        PassageIndex, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    document = models.ForeignKey(
        Document, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    position = models.PositiveIntegerField()
    text = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True)
    words = models.PositiveIntegerField()
    lexemes = SearchVectorField()

    objects = AccountRows.as_manager()

    class Meta:
        constraints = (
            # A document's passages, of each generation.
            models.UniqueConstraint(
                fields=["document", "index", "position", "account"], name="passage_has_one_place_in_its_document"
            ),
            models.UniqueConstraint(fields=["account", "id"], name="passage_has_one_account"),
        )
        indexes = (
            # Searches. Without fastupdate, whose list of pending entries every search would read, whoever's they are.
            GinIndex(fields=["lexemes"], name="passage_by_lexeme", fastupdate=False),
            # An index's passages in the order of their keys: those without vectors, those of a dropped generation.
            models.Index(fields=["index", "id"], name="passage_of_index"),
        )

    def __str__(self) -> str:
        return f"passage {self.position} of document {self.document_id}"


class TermCount(models.Model):
    """In how many passages of an index a word stands."""

    pk = models.CompositePrimaryKey("index_id", "term", "account_id")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    index = models.ForeignKey(
        PassageIndex, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    term = models.CharField(max_length=TERM_MAX_CHARS, db_collation="C")
    passages = models.PositiveIntegerField()

    objects = AccountRows.as_manager()

    def __str__(self) -> str:
        return self.term


class PassageVector(models.Model):
    """What a passage means, by the embedding model of its base.

    `numbers` is of pgvector's type where the database has it, else bytes: float32, little-endian. Its length is 1.
    It is None for a passage that the model makes none for, as `refusal` says; such a one is not asked for again.
    """

    passage = models.OneToOneField(
        StoredPassage, on_delete=models.PROTECT, related_name="+", primary_key=True, db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    index = models.ForeignKey(
        PassageIndex, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    numbers = models.BinaryField(null=True)
    refusal = models.CharField(max_length=REFUSAL_MAX_CHARS, db_default="")

    objects = AccountRows.as_manager()

    class Meta:
        # An index's vectors, which a search compares all.
        indexes = (models.Index(fields=["index", "passage"], name="vector_of_index"),)

    def __str__(self) -> str:
        return f"vector of passage {self.pk}"
