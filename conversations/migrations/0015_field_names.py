"""Fields take the names that the field uses; columns keep theirs. It changes nothing in the database."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

RENAMES = [
    migrations.RemoveIndex(model_name="delivery", name="delivery_due_of_account"),
    migrations.RenameField("delivery", "receiver", "destination"),
    migrations.AlterField(
        "delivery",
        "destination",
        models.CharField(
            db_column="receiver",
            help_text="Scheme, host and port. An account's attempts at once are limited per destination.",
            max_length=300,
        ),
    ),
    migrations.AddIndex(
        "delivery",
        models.Index(
            condition=models.Q(("is_due", True), ("status", "pending")),
            fields=["account", "destination", "next_attempt_at"],
            name="delivery_due_of_account",
        ),
    ),
    migrations.RenameField("delivery", "attempts", "attempts_made"),
    migrations.AlterField(
        "delivery",
        "attempts_made",
        models.PositiveIntegerField(db_column="attempts", db_default=0, verbose_name="attempts"),
    ),
    migrations.RenameField("delivery", "tries", "schedule_step"),
    migrations.AlterField(
        "delivery", "schedule_step", models.PositiveSmallIntegerField(db_column="tries", db_default=0)
    ),
    migrations.AlterField(
        "deliveryattempt",
        "delivery",
        models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.CASCADE,
            related_name="attempts",
            to="conversations.delivery",
        ),
    ),
    migrations.RenameField("signingsecret", "sealed", "encrypted"),
    migrations.AlterField("signingsecret", "encrypted", models.TextField(db_column="sealed", editable=False)),
    migrations.RenameField("tally", "of", "name"),
    migrations.AlterField("tally", "name", models.CharField(db_column="of", max_length=50, unique=True)),
    migrations.RenameField("account", "conversations_kept", "conversation_count"),
    migrations.AlterField(
        "account",
        "conversation_count",
        models.BigIntegerField(db_column="conversations_kept", db_default=0, editable=False),
    ),
    migrations.RenameField("account", "idempotency_keys_kept", "idempotency_key_count"),
    migrations.AlterField(
        "account",
        "idempotency_key_count",
        models.BigIntegerField(db_column="idempotency_keys_kept", db_default=0, editable=False),
    ),
]

HELP_TEXTS = [
    migrations.AlterField(
        "account",
        "event_sequence",
        models.BigIntegerField(
            db_default=0,
            editable=False,
            help_text="The last sequence number of its events that belong to no conversation.",
        ),
    ),
    migrations.AlterField(
        "apikey",
        "last_used_at",
        models.DateTimeField(editable=False, help_text="Accurate to the minute.", null=True),
    ),
    migrations.AlterField(
        "conversation",
        "deleted_at",
        models.DateTimeField(help_text="A tombstone: the id is never used again.", null=True),
    ),
    migrations.AlterField(
        "conversation",
        "event_sequence",
        models.BigIntegerField(db_default=0, help_text="The sequence number of its last event."),
    ),
    migrations.AlterField(
        "conversation",
        "model",
        models.CharField(db_default="", help_text="The model of the latest turn.", max_length=200),
    ),
    migrations.AlterField(
        "delivery",
        "claimed_until",
        models.DateTimeField(help_text="The sender's lease. One that has lapsed means that the sender died.", null=True),
    ),
    migrations.AlterField(
        "delivery",
        "is_due",
        models.BooleanField(db_default=True, help_text="Set by the sweeper once next_attempt_at has passed."),
    ),
    migrations.AlterField(
        "delivery",
        "is_stored",
        models.BooleanField(
            db_default=True, help_text="Whether its turn is stored. If not, the body is erased after a day."
        ),
    ),
    migrations.AlterField(
        "preset",
        "model",
        models.CharField(blank=True, help_text="Used by API families whose requests may name no model.", max_length=200),
    ),
    migrations.AlterField(
        "run",
        "attempt",
        models.PositiveSmallIntegerField(
            db_default=0, help_text="Never decreases: writes of older attempts are refused."
        ),
    ),
    migrations.AlterField(
        "run",
        "attempts_lost",
        models.PositiveSmallIntegerField(db_default=0, help_text="Attempts that ended because their worker died."),
    ),
    migrations.AlterField(
        "run",
        "cancel_requested_at",
        models.DateTimeField(help_text="Its worker checks this several times a second.", null=True),
    ),
    migrations.AlterField(
        "run",
        "error_facts",
        models.JSONField(editable=False, help_text="The error's other fields, if any.", null=True),
    ),
    migrations.AlterField(
        "run",
        "is_streamed",
        models.BooleanField(db_default=False, help_text="Whether anybody ever opened it as a stream."),
    ),
    migrations.AlterField(
        "run",
        "woken_at",
        models.DateTimeField(
            db_default=django.db.models.functions.datetime.Now(),
            help_text="When workers were last woken for it. None while it is held because its account has its share.",
            null=True,
        ),
    ),
    migrations.AlterField(
        "task",
        "is_stored",
        models.BooleanField(
            db_default=True, help_text="Whether its turn is stored. If not, the task expires."
        ),
    ),
    migrations.AlterField(
        "task",
        "public_id",
        models.CharField(help_text="On a conversation's first turn, the conversation's id.", max_length=128),
    ),
    migrations.AlterField(
        "upkeep",
        "resumed_at",
        models.DateTimeField(help_text="When it last began after a pause longer than a lease.", null=True),
    ),
    migrations.AlterField(
        "webhookendpoint",
        "events",
        models.JSONField(help_text="A list of event types; * means all, also those of later versions."),
    ),
    migrations.AlterField(
        "worker",
        "failing",
        models.CharField(db_default="", help_text="The names of its threads that have died.", max_length=100),
    ),
    migrations.AlterField(
        "worker",
        "stopped_at",
        models.DateTimeField(help_text="Set when it stopped cleanly.", null=True),
    ),
    migrations.AlterField(
        "delivery",
        "is_due",
        models.BooleanField(db_default=True, help_text="Set by the sweep once next_attempt_at has passed."),
    ),
    migrations.AlterField(
        "run",
        "attempts_lost",
        models.PositiveSmallIntegerField(
            db_default=0,
            help_text="Attempts that count towards the limit: lost with their worker, or broken off by the vendor.",
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("conversations", "0014_upkeep_pauses")]

    # State only. RenameField by itself would rename the columns, and the index would be built anew.
    operations = [migrations.SeparateDatabaseAndState(state_operations=[*RENAMES, *HELP_TEXTS])]
