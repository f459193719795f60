"""The index behind the tool calls that are being made. It is built beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0062_open_dialogues")]
    operations = [
        AddIndexConcurrently(
            "toolcall",
            models.Index(fields=["started_at"], name="tool_call_running", condition=models.Q(status="running")),
        ),
    ]
