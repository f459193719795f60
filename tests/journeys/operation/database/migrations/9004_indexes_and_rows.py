from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from conversations.stores.online_operations import AddUniqueConstraintConcurrently, Backfill


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "9003_validate_check")]

    operations = [
        Backfill("run", assignments="sample = 1", where="sample IS NULL AND id <= (SELECT min(id) + 100 FROM conversations_run)"),
        AddIndexConcurrently("run", models.Index(fields=["sample"], name="run_by_sample")),
        AddUniqueConstraintConcurrently(
            "message", models.UniqueConstraint(fields=["account", "public_id"], name="message_has_its_own_sample")
        ),
    ]
