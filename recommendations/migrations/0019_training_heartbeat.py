import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommendations', '0018_folded_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='TrainingHeartbeat',
            fields=[
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='heartbeat', serialize=False, to='recommendations.modelversion')),
                ('at', models.DateTimeField()),
                ('process', models.CharField(help_text='The machine and the process id.', max_length=120)),
                ('backend', models.PositiveIntegerField(help_text='The process of PostgreSQL that holds the training lock for it.')),
                ('task_id', models.CharField(blank=True, help_text='The Celery task; empty: manage.py train.', max_length=64)),
            ],
        ),
    ]
