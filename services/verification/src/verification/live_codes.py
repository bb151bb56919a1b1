"""The door to Redis: codes that live. What is not there is not valid; Redis's own clock ends it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared.contracts.verification import Purpose
from shared.failpoints import point
from verification.rules import CodesUnavailable

# One round trip each, atomic: the expiry comes from Redis's clock, and a check is counted before it is judged.
_OPEN = """
local now = redis.call('TIME')
local ends = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1] * 1000
ends = string.format('%.0f', ends)
redis.call('HSET', KEYS[1], 'phone', ARGV[2], 'purpose', ARGV[3], 'left', ARGV[4], 'ends', ends)
redis.call('PEXPIREAT', KEYS[1], ends)
return ends
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
    """Every call raises `CodesUnavailable` where Redis is away, read-only or full."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._open = redis.register_script(_OPEN)
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
        with _unavailable():
            ends = await self._open(keys=[_key(code_id)], args=[seconds, encrypted_phone, purpose, checks])
            await point("door.answered")
        return _moment(ends)

    async def count_check(self, code_id: UUID) -> LiveCode | None:
        """Take one check off the code; None where it does not live or has none left."""
        with _unavailable():
            found = await self._check(keys=[_key(code_id)])
            await point("door.answered")
        return _live(code_id, found)

    async def find(self, code_id: UUID) -> LiveCode | None:
        with _unavailable():
            found = await self._redis.hmget(_key(code_id), ["phone", "purpose", "left", "ends"])
        return _live(code_id, cast(list[str], found) if all(found) else None)

    async def end(self, code_id: UUID) -> bool:
        """End the code's life; True for exactly one of all who try."""
        with _unavailable():
            ended = bool(await self._redis.delete(_key(code_id)))
            await point("door.answered")
        return ended

    async def ping(self) -> None:
        await self._redis.ping()


@asynccontextmanager
async def opened(url: str, timeout_seconds: float) -> AsyncIterator[LiveCodes]:
    """Two short tries at most: a refusal within a second is better than a page that hangs."""
    redis: Redis = Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
    async with redis:
        yield LiveCodes(redis)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError):
        raise CodesUnavailable(retry_after=10) from None


def _key(code_id: UUID) -> str:
    return f"code:{code_id}"


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _live(code_id: UUID, found: list[str] | None) -> LiveCode | None:
    if found is None:
        return None
    phone, purpose, left, ends = found
    return LiveCode(code_id, phone, cast(Purpose, purpose), int(left), _moment(ends))
