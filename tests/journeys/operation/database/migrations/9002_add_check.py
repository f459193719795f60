from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "9001_add_column")]

    operations = [
        migrations.AddField("message", "sample", models.CharField(max_length=10, db_default="new")),
        AddConstraintNotValid("message", models.CheckConstraint(condition=~models.Q(sample=""), name="sample_is_said")),
    ]
