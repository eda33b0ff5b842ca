"""Columns of key records. Conversations are named by id only: their rows live in a higher layer."""

from django.conf import settings
from django.db import models

from keystore.columns import OpaqueField


class KeyBundle(models.Model):
    """A user's signed public keys and sealed private keys. The keys inside the statement are copied out for lookups."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="key_bundle"
    )
    bundle_seq = models.PositiveBigIntegerField()
    statement = OpaqueField()
    signature = OpaqueField()
    idk_pub = OpaqueField()
    rsa_kid = OpaqueField()
    idk_env = OpaqueField()
    rsa_env = OpaqueField()

    def __str__(self) -> str:
        return f"bundle {self.bundle_seq} of {self.pk}"


class Keyring(models.Model):
    """A user's sealed keyring: pins, roster heads, settings. Changes by compare-and-swap of its version."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="keyring"
    )
    version = models.PositiveBigIntegerField()
    envelope = OpaqueField()
    updated_ms = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"keyring {self.version} of {self.pk}"


class RosterEntry(models.Model):
    """One link of a conversation's signed chain of members. Never changed.

    Whoever stores the next `seq` first wins: that is what orders writers of a roster, in whatever layer they are.
    Subject's keys stand beside `create`, `invite` and `rekey`. `epoch` and `exposes` are copied out of what the entry
    leads to: whether it tells that the key of its epoch must not be used any more.
    """

    conversation_id = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    statement = OpaqueField()
    signature = OpaqueField()
    subject_idk_pub = OpaqueField(null=True)
    subject_rsa_kid = OpaqueField(null=True)
    epoch = models.PositiveBigIntegerField(db_default=0)
    exposes = models.BooleanField(db_default=False)

    class Meta:
        verbose_name_plural = "roster entries"
        constraints = (models.UniqueConstraint(fields=("conversation_id", "seq"), name="roster_entry_once"),)
        indexes = (
            models.Index(
                fields=("conversation_id", "epoch"), condition=models.Q(exposes=True), name="roster_entry_that_exposes"
            ),
        )

    def __str__(self) -> str:
        return f"entry {self.seq} of {self.conversation_id}"


class PreviousKey(models.Model):
    """The key of the epoch before, sealed under this epoch's key: how history is handed on (PREV)."""

    conversation_id = models.UUIDField()
    epoch = models.PositiveBigIntegerField()
    envelope = OpaqueField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("conversation_id", "epoch"), name="previous_key_once"),)

    def __str__(self) -> str:
        return f"key before epoch {self.epoch} of {self.conversation_id}"


class Membership(models.Model):
    """Who is in a conversation now: derived from its verified roster, read by every authorisation."""

    conversation_id = models.UUIDField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    idk_pub = OpaqueField()
    rsa_kid = OpaqueField()
    role = models.CharField(max_length=16)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "conversation_id"), name="membership_once"),)
        indexes = (models.Index(fields=("conversation_id",), name="membership_by_conversation"),)

    def __str__(self) -> str:
        return f"{self.role} {self.user_id} of {self.conversation_id}"


class Grant(models.Model):
    """A conversation key of one epoch, wrapped to one member, with the grantor's signed word for it."""

    conversation_id = models.UUIDField()
    epoch = models.PositiveBigIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants")
    statement = OpaqueField()
    signature = OpaqueField()
    wrapped = OpaqueField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("conversation_id", "epoch", "user"), name="grant_once"),)

    def __str__(self) -> str:
        return f"grant of epoch {self.epoch} of {self.conversation_id} to {self.user_id}"
