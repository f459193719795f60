"""What is to replace a document stands beside what it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0065_token_revocations")]
    operations = [
        migrations.AddField(
            "document", "next_url", models.CharField("next URL", max_length=2048, db_default="")
        ),
    ]
