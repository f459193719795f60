from django.db import migrations

from tests.integration.project.migration.next_release.migrations import LATEST


class Migration(migrations.Migration):
    needs_stop = "presets lose their name"
    dependencies = [("conversations", LATEST)]
    operations = [migrations.RemoveField("preset", "name")]
