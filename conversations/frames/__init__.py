"""The log of sealed frames: append-only, numbered, read by many at their own pace (docs/protocol.md section 9).

Tokens do not ride on the channel layer, which drops what does not fit. One process keeps its logs in memory; several
share them through Redis Streams.
"""

from functools import lru_cache

from django.conf import settings

from conversations.frames.memory import MemoryFrameLog
from conversations.frames.port import FrameLog
from conversations.frames.redis import RedisFrameLog


@lru_cache(maxsize=1)
def get_frame_log() -> FrameLog:
    """This process's frame log: Redis where that is configured, memory otherwise."""
    if settings.REDIS_URL:
        return RedisFrameLog(settings.REDIS_URL, max_connections=settings.REDIS_CONNECTIONS)
    return MemoryFrameLog()
