"""Columns of accounts. What passwords could be guessed against rests sealed (accounts/sealing.py)."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from keystore.clock import now_ms
from keystore.columns import OpaqueField


class UserManager(BaseUserManager["User"]):
    """Makes users; `createsuperuser` makes operators."""

    def create_person(self, *, user_id: uuid.UUID, login: str) -> "User":
        """A person: keys and conversations, no Django password."""
        user = self.model(id=user_id, login=login)
        user.set_unusable_password()
        user.save(force_insert=True)
        return user

    def create_superuser(self, login: str, password: str | None = None, **_: Any) -> "User":
        """An operator: a Django password for the admin, no keys, no conversations."""
        user = self.model(login=login, is_operator=True)
        user.set_password(password)
        user.save(force_insert=True)
        return user


class User(AbstractBaseUser):
    """A person or an operator."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    login = models.CharField(max_length=254, unique=True)
    account_version = models.PositiveBigIntegerField(default=1)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    created_ms = models.PositiveBigIntegerField(default=now_ms)
    last_login = None

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return f"user {self.pk}"

    @property
    def is_staff(self) -> bool:
        """Who may enter the admin."""
        return self.is_operator

    def has_perm(self, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Operators may view what the admin shows, and do nothing else."""
        return self.is_active and self.is_operator and perm.rpartition(".")[2].startswith("view_")

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """Operators see every app that the admin lists."""
        return self.is_active and self.is_operator


class SignInRecord(models.Model):
    """What sign-in is judged by: proofs verify under `login_pub`. The sealed columns hold installation-key tokens."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="sign_in_record")
    kdf = models.CharField(max_length=32)
    iterations = models.PositiveIntegerField(db_index=True)
    mek_ver = models.PositiveBigIntegerField()
    login_pub_sealed = OpaqueField()
    salt_sealed = OpaqueField()
    mek_env_sealed = OpaqueField()

    def __str__(self) -> str:
        return f"sign-in record of {self.pk}"


class LegacySignInRecord(models.Model):
    """What an account from before encryption is upgraded by: its old hash gave the login key (section 12).

    `salt_size` is there so that made-up accounts follow the sizes of real ones without opening any.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="legacy_record")
    iterations = models.PositiveIntegerField()
    salt_size = models.PositiveSmallIntegerField()
    login_pub_sealed = OpaqueField()
    salt_sealed = OpaqueField()

    def __str__(self) -> str:
        return f"legacy sign-in record of {self.pk}"


class RecoveryRecord(models.Model):
    """All that the server keeps of a recovery kit: its id and the public key that proves knowledge of it."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="recovery_record")
    recovery_id = models.UUIDField(unique=True)
    rec_pub = OpaqueField()

    def __str__(self) -> str:
        return f"recovery record of {self.pk}"


class SpentRecoveryKit(models.Model):
    """A kit that was used, kept so that whoever proves that they hold it can be told so."""

    recovery_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="spent_recovery_kits")
    rec_pub = OpaqueField()
    spent_ms = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"spent recovery kit {self.pk}"


class Challenge(models.Model):
    """32 random bytes to be signed once, within a minute. One is made for unknown login names too.

    The login name rests as a keyed hash only, since people type passwords into the wrong field.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="challenges")
    login_tag = OpaqueField()
    value = OpaqueField()
    expires_ms = models.PositiveBigIntegerField(db_index=True)
    spent_ms = models.PositiveBigIntegerField(null=True)

    def __str__(self) -> str:
        return f"challenge {self.pk}"


class SignInSession(models.Model):
    """One sign-in of a person. Its id is public; the cookie's value is another and stays in Django's session table.

    A session stands only while the account version is the one it was made under, so raising that ends all sessions.
    `device` is made of a few known words (accounts/sessions_devices.py), never the browser's own header. `cookie_key`
    finds the row of the cookie, so that both go together.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_sessions")
    account_version = models.PositiveBigIntegerField()
    created_ms = models.PositiveBigIntegerField(default=now_ms)
    expires_ms = models.PositiveBigIntegerField(db_index=True)
    last_used_ms = models.PositiveBigIntegerField(default=now_ms)
    device = models.CharField(max_length=64, default="")
    cookie_key = models.CharField(max_length=40, default="")

    def __str__(self) -> str:
        return f"session {self.pk}"


class DeletionRequest(models.Model):
    """An account that its person asked to delete; it goes once the waiting period is over."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="deletion_request")
    requested_ms = models.PositiveBigIntegerField(default=now_ms)
    delete_after_ms = models.PositiveBigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"deletion of {self.pk}"


class Sentinel(models.Model):
    """A known value sealed under the installation key: readiness fails where it does not open."""

    token = OpaqueField()

    def __str__(self) -> str:
        return f"sentinel {self.pk}"
