"""A visitor is erased as a conversation is: in batches."""

from django.db import migrations, models

NAME = 'erasure_has_a_known_subject'
SUBJECTS = ['conversation', 'account', 'visitor']


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0054_visitor_tombstones'),
    ]

    operations = [
        migrations.AlterField(
            model_name='erasure',
            name='subject',
            field=models.CharField(choices=[(subject, subject.title()) for subject in SUBJECTS], max_length=16),
        ),
        migrations.RemoveConstraint(model_name='erasure', name=NAME),
        migrations.AddConstraint(
            model_name='erasure',
            constraint=models.CheckConstraint(condition=models.Q(('subject__in', SUBJECTS)), name=NAME),
        ),
    ]
