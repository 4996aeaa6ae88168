from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0016_served_experiment_index'),
        ('movies', '0007_search_initials'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='interaction',
            index=models.Index(condition=models.Q(('undone_at__isnull', False)), fields=['undone_at'], name='interaction_undone_at'),
        ),
    ]
