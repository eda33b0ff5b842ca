"""Column types for opaque bytes."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import models

_Set = TypeVar("_Set")
_Get = TypeVar("_Get")

if TYPE_CHECKING:
    _BinaryField = models.BinaryField
else:
    # At run time Django's fields take no type arguments.

    class _BinaryField(models.BinaryField, Generic[_Set, _Get]):
        pass


class OpaqueField(_BinaryField[_Set, _Get]):
    """Bytes that the server does not look into; always read as `bytes`, whatever the database driver gives."""

    _pyi_private_set_type: bytes
    _pyi_private_get_type: bytes

    def from_db_value(self, value: Any, *_: Any) -> bytes | None:
        """Makes one type of the drivers' bytes and memoryviews."""
        return None if value is None else bytes(value)
