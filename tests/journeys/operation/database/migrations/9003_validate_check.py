from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("conversations", "9002_add_check")]

    operations = [ValidateConstraint("message", "sample_is_said")]
