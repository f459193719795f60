"""Passages, the words in them, and their vectors. All tables are new.

Vectors are of pgvector's type where the database has that extension and lets us create it: then it compares them
itself. Anywhere else they are bytes, and the knowledge worker compares them (workers/vectors/nearest.py).
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import DatabaseError, migrations, models, transaction

# As in migration 0005: the database refuses links across accounts.
LINKS = (
    # table, constraint, column, referenced table
    ("passageindex", "passage_index_belongs_to_its_bases_account", "base_id", "knowledgebase"),
    ("storedpassage", "passage_belongs_to_its_indexs_account", "index_id", "passageindex"),
    ("storedpassage", "passage_belongs_to_its_documents_account", "document_id", "document"),
    ("termcount", "term_count_belongs_to_its_indexs_account", "index_id", "passageindex"),
    ("passagevector", "vector_belongs_to_its_passages_account", "passage_id", "storedpassage"),
    ("passagevector", "vector_belongs_to_its_indexs_account", "index_id", "passageindex"),
)
# A fiftieth may be dead, or new, before they are vacuumed and analysed.
BUSY = ("passageindex", "storedpassage", "termcount", "passagevector")
# The text stays in its row: a search reads it of every candidate, and hardly ever the lexemes.
IN_ROW = "ALTER TABLE conversations_storedpassage ALTER text SET STORAGE MAIN"
# Every document changes the counts of common words: with room on their page that touches no index.
ROOM = (
    "ALTER TABLE conversations_termcount SET (fillfactor = 80)",
    "ALTER TABLE conversations_passageindex SET (fillfactor = 50)",
)


def _link(table: str, name: str, column: str, target: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE conversations_{table} ADD CONSTRAINT {name} FOREIGN KEY (account_id, {column}) "
        f"REFERENCES conversations_{target} (account_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE conversations_{table} DROP CONSTRAINT {name}",
    )


def _vacuum_early(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE conversations_{table} SET (autovacuum_vacuum_scale_factor = 0.02, "
        "autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02)",
        migrations.RunSQL.noop,
    )


def use_pgvector(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'")
        if not cursor.rowcount:
            return
        try:
            # A savepoint, because most users may not create an extension.
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
                cursor.execute(
                    "ALTER TABLE conversations_passagevector ALTER numbers TYPE vector USING NULL::vector"
                )
        except DatabaseError:
            return


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0038_knowledge_bases'),
    ]

    accepted = {
        "RunPython use_pgvector": "it changes a new, empty table",
        "RunSQL ALTER TABLE conversations_storedpassage ADD CONSTRAINT passa": "the table is new and empty",
    }

    operations = [
        migrations.CreateModel(
            name='PassageIndex',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('generation', models.PositiveIntegerField()),
                ('passages', models.BigIntegerField(db_default=0)),
                ('words', models.BigIntegerField(db_default=0)),
                ('last_passage', models.BigIntegerField(db_default=0, help_text='The key of the newest.')),
                ('vectors_to', models.BigIntegerField(db_default=0)),
                ('vectors', models.BigIntegerField(db_default=0, help_text='How many passages have one.')),
                ('dimensions', models.PositiveIntegerField(help_text='Of its vectors; set by the first.', null=True)),
                ('vectors_at', models.DateTimeField(help_text='Set while some are missing.', null=True)),
                ('vectors_failures', models.PositiveIntegerField(db_default=0, help_text='In a row.')),
                ('vectors_error', models.CharField(db_default='', max_length=200)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('base', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.knowledgebase')),
            ],
            options={
                'verbose_name_plural': 'passage indexes',
            },
        ),
        migrations.CreateModel(
            name='StoredPassage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('page', models.PositiveIntegerField(null=True)),
                ('words', models.PositiveIntegerField()),
                ('lexemes', django.contrib.postgres.search.SearchVectorField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('index', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.passageindex')),
                ('document', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.document')),
            ],
        ),
        migrations.CreateModel(
            name='TermCount',
            fields=[
                ('pk', models.CompositePrimaryKey('index_id', 'term', 'account_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('term', models.CharField(db_collation='C', max_length=64)),
                ('passages', models.PositiveIntegerField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('index', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.passageindex')),
            ],
        ),
        migrations.CreateModel(
            name='PassageVector',
            fields=[
                ('passage', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='conversations.storedpassage')),
                ('numbers', models.BinaryField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.account')),
                ('index', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.passageindex')),
            ],
        ),
        migrations.AddIndex(
            model_name='passageindex',
            index=models.Index(condition=models.Q(('vectors_at__isnull', False)), fields=['vectors_at'], name='passage_index_lacks_vectors'),
        ),
        migrations.AddConstraint(
            model_name='passageindex',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='passage_index_has_one_account'),
        ),
        migrations.AddConstraint(
            model_name='passageindex',
            constraint=models.UniqueConstraint(fields=('base', 'generation', 'account'), name='base_has_one_index_a_generation'),
        ),
        migrations.AddConstraint(
            model_name='passageindex',
            constraint=models.CheckConstraint(condition=models.Q(('passages__gte', 0), ('vectors__gte', 0), ('words__gte', 0)), name='passage_index_counts_from_zero'),
        ),
        migrations.AddIndex(
            model_name='storedpassage',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['lexemes'], name='passage_by_lexeme'),
        ),
        migrations.AddIndex(
            model_name='storedpassage',
            index=models.Index(fields=['index', 'id'], name='passage_of_index'),
        ),
        migrations.AddConstraint(
            model_name='storedpassage',
            constraint=models.UniqueConstraint(fields=('document', 'index', 'position', 'account'), name='passage_has_one_place_in_its_document'),
        ),
        migrations.AddConstraint(
            model_name='storedpassage',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='passage_has_one_account'),
        ),
        migrations.AddIndex(
            model_name='passagevector',
            index=models.Index(fields=['index', 'passage'], name='vector_of_index'),
        ),
        *(_link(*link) for link in LINKS),
        *(_vacuum_early(table) for table in BUSY),
        migrations.RunSQL(IN_ROW, migrations.RunSQL.noop),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
        migrations.RunPython(use_pgvector, migrations.RunPython.noop),
    ]
