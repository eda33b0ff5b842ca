"""Column types for opaque bytes."""

from typing import Any

from django.db import models


class OpaqueField(models.BinaryField):
    """Bytes that the server does not look into; always read as `bytes`, whatever the database driver gives."""

    _pyi_private_get_type: bytes

    def from_db_value(self, value: Any, *_: Any) -> bytes | None:
        """Makes one type of the drivers' bytes and memoryviews."""
        return None if value is None else bytes(value)
