"""What is read for the turns of an account, kept by its digest, and what of it each conversation has. Both are new."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# As in migration 0005: the database refuses links across accounts.
LINKS = (
    # name, column, referenced table
    ("reading_belongs_to_its_conversations_account", "conversation_id", "conversation"),
    ("reading_belongs_to_its_contents_account", "content_id", "content"),
)
# A fiftieth may be dead, or new, before they are vacuumed and analysed.
EARLY = """
ALTER TABLE conversations_{table}
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02,
     autovacuum_vacuum_insert_scale_factor = 0.02)
"""


def _link(name: str, column: str, target: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE conversations_reading ADD CONSTRAINT {name} FOREIGN KEY (account_id, {column}) "
        f"REFERENCES conversations_{target} (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE conversations_reading DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    accepted = {
        "RunSQL ALTER TABLE conversations_reading ADD CONSTRAINT reading_bel": "the table is new and empty",
    }

    dependencies = [
        ('conversations', '0036_usage_so_far'),
    ]

    operations = [
        migrations.CreateModel(
            name='Content',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32)),
                ('media_type', models.CharField(max_length=150)),
                ('title', models.CharField(db_default='', max_length=300)),
                ('text', models.TextField(db_default='')),
                ('page_starts', models.JSONField(default=list, help_text='Where in the text each page begins.')),
                ('data', models.BinaryField(help_text='Of an image.', null=True)),
                ('size', models.PositiveIntegerField(help_text='Bytes that were read.')),
                ('weight', models.PositiveIntegerField(help_text='Characters of the text, or bytes of the image.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('used_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='To within a day.')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
            ],
        ),
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.BinaryField(max_length=32)),
                ('run_key', models.BigIntegerField(help_text='Of the run that read it last.')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('content', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='readings', to='conversations.content')),
                ('conversation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.conversation')),
            ],
        ),
        migrations.AddIndex(
            model_name='content',
            index=models.Index(fields=['used_at'], name='content_by_last_use'),
        ),
        migrations.AddConstraint(
            model_name='content',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='content_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='content',
            constraint=models.UniqueConstraint(fields=('account', 'digest'), name='content_is_kept_once_for_its_account'),
        ),
        migrations.AddConstraint(
            model_name='content',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('data', None), models.Q(('text', ''), _negated=True)), models.Q(models.Q(('data', None), _negated=True), ('text', '')), _connector='OR'), name='content_is_a_text_or_an_image'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(fields=['content'], name='reading_of_content'),
        ),
        migrations.AddConstraint(
            model_name='reading',
            constraint=models.UniqueConstraint(fields=('conversation', 'key', 'account'), name='reading_is_kept_once_for_its_conversation'),
        ),
        *(_link(*link) for link in LINKS),
        *(migrations.RunSQL(EARLY.format(table=table), migrations.RunSQL.noop) for table in ("content", "reading")),
    ]
