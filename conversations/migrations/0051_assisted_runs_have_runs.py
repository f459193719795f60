"""An assisted run's run is of its own account. The table is new."""

from django.db import migrations

NAME = "assistedrun_has_the_account_of_its_run"
ALTER = "ALTER TABLE conversations_assistedrun"


class Migration(migrations.Migration):
    accepted = {'RunSQL ALTER TABLE conversations_assistedrun ADD CONSTRAINT assiste': "The table is new: it has few rows."}
    dependencies = [
        ('conversations', '0050_dialogues_have_conversations'),
    ]

    operations = [
        migrations.RunSQL(
            f"{ALTER} ADD CONSTRAINT {NAME} FOREIGN KEY (account_id, run_id) "
            "REFERENCES conversations_run (account_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"{ALTER} DROP CONSTRAINT {NAME}",
        ),
    ]
