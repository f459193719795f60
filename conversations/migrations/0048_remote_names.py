"""Which tool of its MCP server a call is of, for another attempt of its run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0047_validate_ledger_kinds'),
    ]

    operations = [
        migrations.AddField(
            model_name='toolcall',
            name='remote_name',
            field=models.TextField(db_default='', help_text='What its MCP server knows it as; empty for others.'),
        ),
    ]
