"""A dialogue's conversation is of its own account. The table is new."""

from django.db import migrations

NAME = "dialogue_has_the_account_of_its_conversation"
ALTER = "ALTER TABLE conversations_dialogue"


class Migration(migrations.Migration):
    accepted = {'RunSQL ALTER TABLE conversations_dialogue ADD CONSTRAINT dialogue_h': "The table is new: it has few rows."}
    dependencies = [
        ('conversations', '0049_assistants'),
    ]

    operations = [
        migrations.RunSQL(
            f"{ALTER} ADD CONSTRAINT {NAME} FOREIGN KEY (account_id, conversation_id) "
            "REFERENCES conversations_conversation (account_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"{ALTER} DROP CONSTRAINT {NAME}",
        ),
    ]
