"""A writer's lease in Redis outlives a moment in which Redis cannot be reached."""

import pytest
from redis.exceptions import RedisError

from conversations.frames.redis import RedisFrameLog
from tests.keys import uuid7
from tests.servers import free_port


async def test_a_sign_of_life_that_does_not_arrive_ends_no_heartbeat():
    log = RedisFrameLog(f"redis://127.0.0.1:{free_port()}/0")
    await log.touch(uuid7())
    await log.close()


async def test_a_log_that_cannot_be_opened_is_an_error():
    log = RedisFrameLog(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(RedisError):
        await log.open(uuid7())
    await log.close()
