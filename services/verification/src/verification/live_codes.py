"""The door to Redis: codes that live. What is not there is not valid; Redis's own clock ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared import telemetry
from shared.contracts.verification import Purpose
from shared.failpoints import point
from verification.rules import LAST_SEND_SECONDS, CodesUnavailable

CONNECTIONS = 50

# One round trip each, atomic: the expiry comes from Redis's clock, and a check is counted before it is judged.
_OPEN = """
local now = redis.call('TIME')
local ends = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1] * 1000
ends = string.format('%.0f', ends)
redis.call('HSET', KEYS[1], 'phone', ARGV[2], 'purpose', ARGV[3], 'left', ARGV[4], 'ends', ends)
redis.call('PEXPIREAT', KEYS[1], ends)
return ends
"""
# It writes, although it only asks: a Redis that cannot take a check off the code must not let its SMS go (promise 14).
_AGAIN = """
local found = redis.call('HMGET', KEYS[1], 'phone', 'purpose', 'left', 'ends')
if not found[4] or tonumber(found[3]) <= 0 then return nil end
local now = redis.call('TIME')
if found[4] - (now[1] * 1000 + math.floor(now[2] / 1000)) < ARGV[1] * 1000 then return nil end
redis.call('HINCRBY', KEYS[1], 'asked_again', 1)
return found
"""
_CHECK = """
if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
if redis.call('HINCRBY', KEYS[1], 'left', -1) < 0 then return nil end
return redis.call('HMGET', KEYS[1], 'phone', 'purpose', 'left', 'ends')
"""


@dataclass(frozen=True)
class LiveCode:
    id: UUID
    encrypted_phone: str
    purpose: Purpose
    checks_left: int
    expires_at: datetime


class LiveCodes:
    """Every call raises `CodesUnavailable` where Redis is away, read-only or full, within `seconds` in all."""

    def __init__(self, redis: Redis, seconds: float) -> None:
        self._redis = redis
        self._seconds = seconds
        self._open = redis.register_script(_OPEN)
        self._again = redis.register_script(_AGAIN)
        self._check = redis.register_script(_CHECK)

    async def open(
        self,
        code_id: UUID,
        encrypted_phone: str,
        purpose: Purpose,
        checks: int,
        seconds: int,
    ) -> datetime:
        """Begin the code's life; when it ends."""
        async with self._bounded():
            ends = await self._open(keys=[_key(code_id)], args=[seconds, encrypted_phone, purpose, checks])
            await point("door.answered")
        return _moment(ends)

    async def find_for_send(self, code_id: UUID) -> LiveCode | None:
        """The code, which could be checked now; None where it does not live, has no check left or ends too soon."""
        async with self._bounded():
            found = await self._again(keys=[_key(code_id)], args=[LAST_SEND_SECONDS])
            await point("door.answered")
        return _live(code_id, found)

    async def count_check(self, code_id: UUID) -> LiveCode | None:
        """Take one check off the code; None where it does not live or has none left."""
        async with self._bounded():
            found = await self._check(keys=[_key(code_id)])
            await point("door.answered")
        return _live(code_id, found)

    async def end(self, code_id: UUID) -> None:
        """End the code's life early."""
        async with self._bounded():
            await self._redis.delete(_key(code_id))
            await point("door.answered")

    async def ping(self) -> None:
        await self._redis.ping()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """One bound round connecting, both tries and the wait for a connection that is free."""
        try:
            with telemetry.span("redis", telemetry.CLIENT, **{"db.system": "redis"}):
                async with asyncio.timeout(self._seconds):
                    yield
        except (RedisError, OSError, TimeoutError):
            raise CodesUnavailable(retry_after=10) from None


@asynccontextmanager
async def opened(url: str, seconds: float) -> AsyncIterator[LiveCodes]:
    """Two short tries at most: a refusal within a second is better than a page that hangs."""
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=seconds,
        socket_timeout=seconds / 2,
        socket_connect_timeout=seconds / 2,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
    async with Redis.from_pool(pool) as redis:
        yield LiveCodes(redis, seconds)


def _key(code_id: UUID) -> str:
    return f"code:{code_id}"


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _live(code_id: UUID, found: list[str] | None) -> LiveCode | None:
    if found is None:
        return None
    phone, purpose, left, ends = found
    return LiveCode(code_id, phone, cast(Purpose, purpose), int(left), _moment(ends))
