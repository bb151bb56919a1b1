"""The database: transactions, migrations from several places at once and back, housekeeping."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import exc, text

from shared import housekeeping, migrating
from shared.complaints import CannotGoOn
from shared.migrating import check, migrate
from tests.kit import Databases, Running, eventually
from tests.shared.conftest import OpenDesk
from tests.shared.desk import Desk


async def execute(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"


async def test_two_programs_may_migrate_at_once(databases: Databases) -> None:
    url = await databases.empty("migrated_at_once")
    script = f"from shared.migrating import migrate; migrate('verification', {url!r})"
    programs = [await asyncio.create_subprocess_exec(sys.executable, "-c", script) for _ in range(3)]

    codes = [await program.wait() for program in programs]

    assert codes == [0, 0, 0]
    assert len(await execute(url, "SELECT 1 FROM alembic_version")) == 2
    await databases.drop(url)


@asynccontextmanager
async def held(url: str) -> AsyncIterator[None]:
    """A long transaction of somebody else's over a table that a migration needs."""
    holder = await asyncpg.connect(url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE outbox IN ACCESS SHARE MODE")
        yield
    await holder.close()


async def test_migration_lets_others_pass_while_somebody_holds_its_table(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrating, "PAUSE_SECONDS", 0.2)
    url, waits = await databases.migrated("verification"), 0

    def waiting() -> None:
        nonlocal waits
        waits += 1

    async def waited() -> bool:
        return waits > 1

    async with held(url):
        task = asyncio.create_task(asyncio.to_thread(migrate, "verification", url, "base", waiting))
        await eventually(waited, 20)
        assert await execute(url, "SELECT count(*) FROM outbox")  # in one of the pauses at the latest
        assert not task.done()
    await task

    assert [row["table_name"] for row in await execute(url, TABLES)] == ["alembic_version"]
    await databases.drop(url)


async def test_migration_gives_up_a_table_that_is_held_for_long_and_changes_nothing(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrating, "GIVE_UP_SECONDS", 0.5)
    url = await databases.migrated("verification")
    before = await execute(url, TABLES)

    async with held(url):
        with pytest.raises(CannotGoOn, match="end it"):
            await asyncio.to_thread(migrate, "verification", url, "base")

    assert await execute(url, TABLES) == before
    await databases.drop(url)


async def test_kernel_migrates_up_down_and_up(databases: Databases) -> None:
    url = await databases.empty("up_down_up")
    await asyncio.to_thread(migrate, "verification", url)
    first = await execute(url, TABLES)

    await asyncio.to_thread(migrate, "verification", url, "base")
    assert [row["table_name"] for row in await execute(url, TABLES)] == ["alembic_version"]

    await asyncio.to_thread(migrate, "verification", url)
    assert await execute(url, TABLES) == first
    await asyncio.to_thread(check, "verification", url)
    await databases.drop(url)


async def test_transaction_that_fails_leaves_nothing(desk: Desk) -> None:
    async def fail() -> None:
        async with desk.database.transaction() as session:
            await session.execute(text("INSERT INTO effects (name) VALUES ('ghost')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await desk.effects() == []


async def test_errors_do_not_quote_parameters(desk: Desk) -> None:
    with pytest.raises(exc.DBAPIError) as failed:
        await desk.value("SELECT CAST(:canary AS integer) / length('')", canary=123456789)

    assert "123456789" not in str(failed.value)


async def test_statement_is_cut_after_its_time(open_room: Callable[..., Awaitable[Running]]) -> None:
    room = await open_room(statement_timeout_seconds=0.2)

    with pytest.raises(exc.DBAPIError):
        await room.rows("SELECT pg_sleep(5)")


async def test_old_rows_go_in_batches_and_young_ones_stay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH_ROWS", 10)
    insert = (
        "INSERT INTO inbox (event_id, received_at)"
        " SELECT gen_random_uuid(), now() - interval '{}' FROM generate_series(1, {}) RETURNING 1"
    )
    await desk.rows(insert.format("9 days", 35))
    await desk.rows(insert.format("7 days", 5))
    await desk.say(("unsent", 1), ("sent", 2))
    await desk.rows("UPDATE outbox SET sent_at = now() - interval '8 days' WHERE key = 'sent' RETURNING 1")
    await desk.rows("UPDATE outbox SET created_at = now() - interval '30 days' RETURNING 1")
    stop = asyncio.Event()

    class Periods:
        outbox_retention_days = 7
        inbox_retention_days = 8

    tidying = asyncio.create_task(housekeeping.run(desk.database, Periods(), {}, stop))  # type: ignore[arg-type]

    async def tidy() -> bool:
        counts = "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM outbox)"
        return await desk.rows(counts) == [(5, 1)]

    await eventually(tidy)
    stop.set()
    await asyncio.wait_for(tidying, 5)
    assert await desk.value("SELECT key FROM outbox") == "unsent"


async def test_services_own_rows_go_by_its_own_condition(desk: Desk) -> None:
    await desk.rows("INSERT INTO effects (name, n) VALUES ('old', 1), ('new', 2) RETURNING 1")

    assert await housekeeping.purge(desk.database, "effects", "n < 2") == 1
    assert await desk.effects() == [("new", 2)]


async def test_connections_that_the_server_cut_are_not_used_again(desk_of: OpenDesk) -> None:
    """Also where they were used a moment ago, so that nobody asks the server whether they live."""
    desk = await desk_of("")
    await asyncio.gather(*(desk.value("SELECT 1") for _ in range(3)), desk.database.fetchrow("SELECT 1"))
    own = await desk.database.connect()
    await own.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await own.close()

    assert await desk.value("SELECT 2") == 2
    assert tuple(await desk.database.fetchrow("SELECT 3") or ()) == (3,)


async def test_a_statement_that_stands_alone_is_committed_or_has_no_effect(desk: Desk) -> None:
    inserted = await desk.database.fetchrow("INSERT INTO effects (name, n) VALUES ($1, $2) RETURNING n", "alone", 1)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await desk.database.fetchrow("INSERT INTO effects (name, n) VALUES ('never', 1 / ($1::int - 1))", 1)

    assert inserted is not None
    assert inserted["n"] == 1
    assert await desk.effects() == [("alone", 1)]
