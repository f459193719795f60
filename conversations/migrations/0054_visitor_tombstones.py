"""A visitor that was deleted, or merged into another one, stays until what is its own is erased or moved."""

import django.db.models.deletion
from django.db import migrations, models

NAME = "visitor_has_the_account_of_the_one_that_it_was_merged_into"
ALTER = "ALTER TABLE conversations_visitor"
NEW = "The table is new: it has few rows."
# Turns write these: they are vacuumed and analysed early (migration 0026).
BUSY = ('assistedrun', 'dialogue', 'visitor', 'visitoridentity')
EARLY = ('autovacuum_vacuum_scale_factor', 'autovacuum_analyze_scale_factor', 'autovacuum_vacuum_insert_scale_factor')
SEARCHED = ('email', 'mobile', 'name')


class Migration(migrations.Migration):
    accepted = {
        'AddIndex visitor.visitor_of_account': NEW,
        'AddIndex visitor.visitor_merged': NEW,
        **{f'{change} visitor.visitor_by_{name}': NEW for change in ('RemoveIndex', 'AddIndex') for name in SEARCHED},
        f'RunSQL {ALTER} ADD CONSTRAINT {NAME}'[:67]: NEW,
    }
    dependencies = [
        ('conversations', '0051_assisted_runs_have_runs'),
    ]

    operations = [
        migrations.AddField(
            model_name='visitor',
            name='deleted_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='visitor',
            name='merged_into',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='conversations.visitor'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(condition=models.Q(('deleted_at', None)), fields=['account', 'id'], name='visitor_of_account'),
        ),
        migrations.AddIndex(
            model_name='visitor',
            index=models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merged_into'], name='visitor_merged'),
        ),
        *(migrations.RemoveIndex(model_name='visitor', name=f'visitor_by_{name}') for name in SEARCHED),
        *(
            migrations.AddIndex(
                model_name='visitor',
                index=models.Index(condition=models.Q(models.Q((name, ''), _negated=True), ('deleted_at', None)), fields=['account', name, '-id'], name=f'visitor_by_{name}'),
            )
            for name in SEARCHED
        ),
        *(
            migrations.RunSQL(
                f"ALTER TABLE conversations_{table} SET ({', '.join(f'{name} = 0.02' for name in EARLY)})",
                f"ALTER TABLE conversations_{table} RESET ({', '.join(EARLY)})",
            )
            for table in BUSY
        ),
        migrations.RunSQL(
            f"{ALTER} ADD CONSTRAINT {NAME} FOREIGN KEY (account_id, merged_into_id) "
            "REFERENCES conversations_visitor (account_id, id) DEFERRABLE INITIALLY DEFERRED",
            f"{ALTER} DROP CONSTRAINT {NAME}",
        ),
    ]
