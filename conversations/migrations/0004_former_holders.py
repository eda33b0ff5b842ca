from django.db import migrations

import keystore.columns


class Migration(migrations.Migration):
    """A new table alone: the release before goes on beside it."""

    dependencies = [("conversations", "0003_texts_from_before_encryption")]

    operations = [
        migrations.CreateModel(
            name="FormerHolder",
            fields=[("tag", keystore.columns.OpaqueField(primary_key=True, serialize=False))],
        ),
    ]
