"""Dialogues that may be over are found account by account. Both indexes change beside turns that are running."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("conversations", "0061_tool_call_log")]
    operations = [
        AddIndexConcurrently(
            "dialogue",
            models.Index(
                fields=["account", "look_at"], name="dialogue_open_by_account", condition=models.Q(("is_open", True))
            ),
        ),
        RemoveIndexConcurrently("dialogue", "dialogue_to_look_at"),
    ]
