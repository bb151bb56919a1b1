"""PostgreSQL and Redis over TLS: the words of their URLs hold for everything that a service does with them."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.exceptions import ConnectionError as NotConnected
from sqlalchemy import text

from portal import drawers
from shared.migrating import migrate
from tests.certificates import Authority
from tests.kit import Databases, running
from tests.shared.room import room as room_service
from tests.shared.tls_front import tls_before


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "authority")


def over_tls(url: str, port: int, ca: Path) -> str:
    parts = urlsplit(url)
    place = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    return f"postgresql://{place}{parts.path}?sslmode=verify-full&sslrootcert={ca}"


async def test_every_way_to_the_database_is_over_tls(databases: Databases, keys: Path, authority: Authority) -> None:
    url = await databases.migrated("verification")
    async with tls_before(urlsplit(url).port or 5432, authority, postgres=True) as port:
        safe = over_tls(url, port, authority.file)
        async with running(room_service, safe, keys, redis_url="redis://127.0.0.1:1/0") as room:
            database = room.kernel.database

            async with database.transaction() as session:
                assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
            assert await database.fetchrow("SELECT $1::int AS n", 2) == (2,)
            own = await database.connect()
            assert await own.fetchval("SELECT 3") == 3
            await own.close()
    await databases.drop(url)


async def test_migrations_go_over_tls(databases: Databases, authority: Authority) -> None:
    url = await databases.migrated("verification")
    async with tls_before(urlsplit(url).port or 5432, authority, postgres=True) as port:
        await asyncio.to_thread(migrate, "verification", over_tls(url, port, authority.file))
    await databases.drop(url)


async def test_server_of_another_authority_gets_no_password(
    databases: Databases, keys: Path, authority: Authority, tmp_path: Path
) -> None:
    url, strange = await databases.migrated("verification"), Authority.made(tmp_path / "strange")
    async with tls_before(urlsplit(url).port or 5432, authority, postgres=True) as port:
        unsafe = over_tls(url, port, strange.file)
        async with running(room_service, unsafe, keys, redis_url="redis://127.0.0.1:1/0") as room:
            answer = await room.client.get("/readyz")

            assert answer.status_code == 503
            with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
                await room.kernel.database.connect()
    await databases.drop(url)


async def test_redis_is_spoken_to_over_tls_where_its_url_says_so(
    redis_url: str, authority: Authority, tmp_path: Path
) -> None:
    strange = Authority.made(tmp_path / "strange")
    server = urlsplit(redis_url)
    async with tls_before(server.port or 6379, authority) as port:
        place = f"rediss://:{server.password or ''}@127.0.0.1:{port}/0?ssl_ca_certs="

        async with drawers.opened(f"{place}{authority.file}", 2) as redis:
            assert await redis.ping()
        async with drawers.opened(f"{place}{strange.file}", 2) as redis:
            with pytest.raises(NotConnected, match="CERTIFICATE_VERIFY_FAILED"):
                await redis.ping()
