"""The index by which the messages after a message are found. It is built beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0024_message_digest")]
    operations = [
        AddIndexConcurrently("message", models.Index(fields=["conversation", "parent"], name="message_by_parent")),
    ]
