"""What tests of services use: a service opened on a database of its own, what it said, tokens, waiting."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx2
from joserfc import jwt
from sqlalchemy import text
from uuid_utils.compat import uuid7

import shared.contracts  # noqa: F401
from shared.events import REGISTRY, Event, decode, encode
from shared.inbox import Record, handle, hearing
from shared.keys import PrivateKeys
from shared.migrating import migrate
from shared.sealed import seal
from shared.service import Kernel, Service

T = TypeVar("T")


async def eventually(condition: Callable[[], Awaitable[T]], seconds: float = 10.0) -> T:
    """Wait until the condition gives something true, and return it; fail after the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)
    return found


class Databases:
    """One migrated template per service, one copy per test."""

    def __init__(self, superuser_url: str) -> None:
        self._url = superuser_url
        self._templates: set[str] = set()

    def url(self, name: str) -> str:
        return f"{self._url.rsplit('/', 1)[0]}/{name}"

    async def empty(self, name: str) -> str:
        await self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        return self.url(name)

    async def drop(self, url: str) -> None:
        await self._execute(f"DROP DATABASE IF EXISTS {url.rsplit('/', 1)[1]} WITH (FORCE)")

    async def migrated(self, package: str) -> str:
        template = f"template_{package}"
        if template not in self._templates:
            await asyncio.to_thread(migrate, package, await self.empty(template))
            self._templates.add(template)
        name = f"test_{package}_{uuid7().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@dataclass
class Running:
    """A service with its doors open; `client` speaks HTTP to its application."""

    service: Service
    kernel: Kernel
    wired: Any
    client: httpx2.AsyncClient
    keys: Path

    async def said(self, event: type[Event] | None = None) -> list[Any]:
        """What the service has said so far, in order, from its outbox."""
        async with self.kernel.database.transaction() as session:
            rows = (await session.execute(text("SELECT headers, value FROM outbox ORDER BY id"))).all()
        events = []
        for headers, value in rows:
            as_class = REGISTRY[headers["ce_type"]]
            events.append(decode([(name, item.encode()) for name, item in headers.items()], value, as_class))
        return [one for one in events if event is None or isinstance(one, event)]

    async def hears(self, *events: Event | tuple[Event, Any]) -> None:
        """Deliver events in one transaction, as the consumer would; a pair carries what is to be sealed."""
        records = []
        for position, entry in enumerate(events):
            event, secrets = entry if isinstance(entry, tuple) else (entry, None)
            jwe = None if secrets is None else seal(event, secrets, self.kernel.public_keys)
            headers, value = encode(event, jwe)
            raw = [(name, item.encode()) for name, item in headers.items()]
            records.append(Record(event.topic, 0, position, event.key, event.type, event.id, raw, value))
        async with self.kernel.database.transaction() as session:
            await handle(session, records, hearing(self.service.heard), self.wired)

    def bearer(self, user_id: UUID, session_id: UUID | None = None, seconds: int = 300) -> dict[str, str]:
        """The header of somebody signed in, by a token that identity's key signs."""
        key, now = PrivateKeys(self.keys / "identity.private.jwks.json").signing(), int(time.time())
        claims = {"iss": "kabinet-identity", "aud": "kabinet", "sub": str(user_id), "sid": str(session_id or uuid7())}
        claims["jti"] = str(uuid7())
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid}
        token = jwt.encode(header, {**claims, "iat": now, "exp": now + seconds}, key, algorithms=["EdDSA"])
        return {"Authorization": f"Bearer {token}"}

    async def rows(self, sql: str, **parameters: Any) -> list[Any]:
        async with self.kernel.database.transaction() as session:
            return list((await session.execute(text(sql), parameters)).all())


@asynccontextmanager
async def running(
    service: Service, database_url: str, keys: Path, kafka: str = "127.0.0.1:1", **settings: Any
) -> AsyncIterator[Running]:
    """Open the service on the database; its HTTP is served in this process, its relay and consumer are not running."""
    values = {
        "database_url": database_url,
        "kafka_bootstrap_servers": kafka,
        "public_keys_file": keys / "public.jwks.json",
        "private_keys_file": keys / f"{service.settings.service}.private.jwks.json",
        "trusted_proxies": "127.0.0.1/32",
        **settings,
    }
    async with service.opened(service.settings(**values)) as (kernel, wired):
        transport = httpx2.ASGITransport(service.app(kernel, wired), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://kabinet.test") as client:
            yield Running(service, kernel, wired, client, keys)


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """The body of an error, after a look at its form."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = json.loads(answer.text)
    assert body["status"] == answer.status_code
    assert {"type", "title", "status", "code", "detail"} <= body.keys()
    return body


def field_codes(answer: httpx2.Response) -> dict[str, str]:
    """`{field: code}` of a 422 about fields."""
    body = problem(answer)
    assert body["code"] == "invalid-fields"
    return {error["field"]: error["code"] for error in body["errors"]}
