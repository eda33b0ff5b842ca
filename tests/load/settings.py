"""The production settings with a channel layer that holds so little that it drops hints (room.py)."""

from balon.settings import *  # noqa: F403 - the settings are all that is there
from balon.settings import CHANNEL_LAYERS

CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] = 5
