"""The index by which the children of a message are found. It is built beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0016_dialects_checked_in_code")]
    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(("parent__isnull", False)),
                fields=["conversation", "parent"],
                name="message_by_parent",
            ),
        ),
    ]
