"""The indexes of endpoints that were not deleted, and of those that were. They are built beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0028_accounts_in_keys")]
    operations = [
        AddIndexConcurrently(
            "webhookendpoint",
            models.Index(fields=["account", "id"], name="endpoint_of_account", condition=models.Q(("deleted_at", None))),
        ),
        AddIndexConcurrently(
            "webhookendpoint",
            models.Index(
                fields=["deleted_at"],
                name="endpoint_deleted_oldest",
                condition=models.Q(("deleted_at__isnull", False)),
            ),
        ),
    ]
