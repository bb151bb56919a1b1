"""Drawers: what the portal keeps for a browser, in Redis, encrypted with a key that only the browser's cookie holds."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from portal.refusing import Away
from shared import telemetry

T = TypeVar("T")
SECRET = re.compile(r"[\w-]{43}", re.ASCII)
"""The form of `new_secret`."""
LOCK_SECONDS = 10
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
"""Only by whoever took it: a lock that ran out may be another's by now."""


def new_secret() -> str:
    """256 bits, as a cookie holds them."""
    return secrets.token_urlsafe(32)


@asynccontextmanager
async def opened(url: str, timeout_seconds: float) -> AsyncIterator[Redis]:
    """Redis, which is asked once and not waited for longer than this."""
    client = Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 1),  # a connection that the server closed meanwhile
    )
    async with client:
        yield client


async def _asked(work: Awaitable[T]) -> T:
    try:
        with telemetry.span("redis", telemetry.CLIENT, **{"db.system": "redis"}):
            return await work
    except (RedisError, OSError, TimeoutError):
        raise Away("redis") from None


class Drawer:
    """A named set of fields that all go at one time. Whoever holds the secret can open it, and nobody else.

    A dump of Redis shows neither whose it is nor what is in it. Fields are written one by one, so that two tabs do not
    undo each other.
    """

    def __init__(self, redis: Redis, kind: str, secret: str) -> None:
        self._redis = redis
        self._name = f"portal:{kind}:{hashlib.sha256(f'{kind} {secret}'.encode()).hexdigest()}"
        self._cipher = AESGCM(hmac.new(secret.encode(), f"drawer {kind}".encode(), hashlib.sha256).digest())

    async def read(self) -> dict[str, Any]:
        """Every field; an empty one where nothing was kept, or its time is over."""
        found = await _asked(cast(Awaitable[dict[bytes, bytes]], self._redis.hgetall(self._name)))
        opened = {name.decode(): self._opened(name.decode(), sealed) for name, sealed in found.items()}
        return {name: value for name, value in opened.items() if value is not None}

    async def write(self, seconds: int, fields: Mapping[str, Any], *, lengthen: bool = True) -> None:
        """Put fields in. All of the drawer lives for so long from now on, or as it did where it may not `lengthen`."""
        sealed: dict[Any, Any] = {name: self._sealed(name, value) for name, value in fields.items()}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._name, mapping=sealed)
            pipe.expire(self._name, seconds, nx=not lengthen)
            await _asked(pipe.execute())

    async def left(self) -> int:
        """The seconds that it lives on; 0 where there is none."""
        return max(0, await _asked(self._redis.ttl(self._name)))

    async def drop(self, *names: str) -> None:
        await _asked(self._redis.hdel(self._name, *names))

    async def empty(self) -> None:
        await _asked(self._redis.delete(self._name))

    async def lock(self) -> str | None:
        """Something to give back with `unlock`, or `None` where somebody else has it."""
        token = secrets.token_hex(16)
        taken = await _asked(self._redis.set(f"{self._name}:lock", token, nx=True, ex=LOCK_SECONDS))
        return token if taken else None

    async def unlock(self, token: str) -> None:
        await _asked(cast(Awaitable[int], self._redis.eval(_RELEASE, 1, f"{self._name}:lock", token)))

    def _sealed(self, name: str, value: Any) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), name.encode())

    def _opened(self, name: str, sealed: bytes) -> Any:
        try:
            return json.loads(self._cipher.decrypt(sealed[:12], sealed[12:], name.encode()))
        except (InvalidTag, ValueError):
            return None
