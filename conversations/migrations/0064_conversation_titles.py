"""What a front end says of a conversation. A release that knows nothing of it leaves it as it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0063_running_tool_calls")]
    operations = [
        migrations.AddField(
            "conversation",
            "title",
            models.CharField(
                max_length=200,
                blank=True,
                db_default="",
                help_text="Empty: the first words of its first question.",
            ),
        ),
        migrations.AddField("conversation", "archived_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "conversation",
            "version",
            models.PositiveIntegerField(
                db_default=0, help_text="How often somebody has renamed or archived it, for If-Match."
            ),
        ),
    ]
