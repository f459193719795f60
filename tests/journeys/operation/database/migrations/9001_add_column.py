from django.db import migrations, models

from tests.journeys.operation.database.migrations import LATEST


class Migration(migrations.Migration):
    dependencies = [("conversations", LATEST)]

    operations = [
        migrations.AddField("run", "sample", models.IntegerField(null=True)),
    ]
