"""Client tokens can end before their time. A release that does not know it takes them until then."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("conversations", "0064_conversation_titles")]
    operations = [
        migrations.CreateModel(
            "TokenRevocation",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.BinaryField(max_length=32)),
                ("revoked_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="conversations.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["account", "subject"], name="token_revocation_is_written_once")
                ],
            },
        ),
    ]
