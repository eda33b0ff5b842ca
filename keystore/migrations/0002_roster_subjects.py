from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery

import keystore.columns


def name_creators_keys(apps: Any, _schema_editor: Any) -> None:
    """Every conversation so far has one member and one entry, so the keys of the one are the subject's of the other."""
    entries = apps.get_model("keystore", "RosterEntry")
    owners = apps.get_model("keystore", "Membership").objects.filter(
        conversation_id=OuterRef("conversation_id"), role="owner"
    )
    entries.objects.filter(seq=0).update(
        subject_idk_pub=Subquery(owners.values("idk_pub")[:1]),
        subject_rsa_kid=Subquery(owners.values("rsa_kid")[:1]),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("keystore", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="rosterentry",
            name="epoch",
            field=models.PositiveBigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="rosterentry",
            name="exposes",
            field=models.BooleanField(db_default=False),
        ),
        migrations.AddField(
            model_name="rosterentry",
            name="subject_idk_pub",
            field=keystore.columns.OpaqueField(null=True),
        ),
        migrations.AddField(
            model_name="rosterentry",
            name="subject_rsa_kid",
            field=keystore.columns.OpaqueField(null=True),
        ),
        migrations.CreateModel(
            name="PreviousKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("conversation_id", models.UUIDField()),
                ("epoch", models.PositiveBigIntegerField()),
                ("envelope", keystore.columns.OpaqueField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("conversation_id", "epoch"), name="previous_key_once")],
            },
        ),
        migrations.RunPython(name_creators_keys, migrations.RunPython.noop),
    ]
