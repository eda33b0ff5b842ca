"""Reminds a person to check their recovery kit: it is the one way back, and nobody notices a lost one in time.

What was checked or put off rests in the keyring, so one answer counts on every device (docs/protocol.md section 10).
A kit of which nobody ever said that it was saved is due at once: the tab may have died before it was shown.
"""

from dataclasses import replace
from typing import Final

from balon_client.keyring_model import Change, KeyringContent, Settings

REMIND_AFTER_MS: Final = 30 * 24 * 3600 * 1000


def is_kit_due(settings: Settings, now_ms: int) -> bool:
    """Whether a month has passed since the kit was checked, or the question put off."""
    answered = [at for at in (settings.kit_checked_ms, settings.kit_asked_ms) if at is not None]
    return not answered or now_ms - max(answered) >= REMIND_AFTER_MS


def note_kit_checked(at_ms: int) -> Change:
    """The kit was checked and opens the account."""

    def change(content: KeyringContent) -> bool:
        before = content.settings
        content.settings = replace(before, kit_checked_ms=max(before.kit_checked_ms or 0, at_ms))
        return content.settings != before

    return change


def put_off_kit(at_ms: int) -> Change:
    """The person said that the kit is safe, or that they will check it later."""

    def change(content: KeyringContent) -> bool:
        before = content.settings
        content.settings = replace(before, kit_asked_ms=max(before.kit_asked_ms or 0, at_ms))
        return content.settings != before

    return change


def forget_kit(content: KeyringContent) -> None:
    """A new kit took the place of the one that was checked. Only for a keyring that is sealed anew with that kit."""
    content.settings = replace(content.settings, kit_checked_ms=None, kit_asked_ms=None)
