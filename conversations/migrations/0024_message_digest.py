"""Nullable, so that no row is rewritten. Rows of earlier releases stay without: they are compared by their content."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0023_erasures")]
    operations = [
        migrations.AddField(model_name="message", name="digest", field=models.BinaryField(null=True)),
    ]
