"""The index behind the log of an account's tool calls. It is built beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0055_erasures_of_visitors")]
    operations = [
        AddIndexConcurrently(
            "toolcall",
            models.Index(fields=["account", "id"], name="tool_call_of_account"),
        ),
    ]
