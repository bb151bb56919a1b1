"""Servers of a benchmark's own, as production sets them where it matters for speed: PostgreSQL with fsync on."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from uuid_utils.compat import uuid7

from deploy import keys
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from tests.kit import Databases
from tests.shared.desk import EFFECTS, Desk, make_topic, open_desk


@dataclass(frozen=True)
class Bench:
    """Where the parts of a benchmark run."""

    folder: Path
    postgres: Postgres
    kafka: Kafka
    databases: Databases
    keys: Path

    @asynccontextmanager
    async def desk(self, partitions: int = 12) -> AsyncIterator[Desk]:
        """A service of a benchmark's own: an empty database, an empty topic; both are thrown away afterwards."""
        name = f"bench-{uuid7().hex[-12:]}"
        url = await self.databases.migrated("verification")
        await make_topic(self.kafka.bootstrap, f"{name}.events", partitions)
        desk = await open_desk(name, url, self.keys, self.kafka.bootstrap, partitions)
        connection = await desk.database.connect()
        await connection.execute(EFFECTS)
        await connection.close()
        try:
            yield desk
        finally:
            await desk.database.close()
            await self.databases.drop(url)


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kabinet-bench-")))
        postgres = Postgres(folder / "postgres", options={"shared_buffers": "256MB", "max_wal_size": "4GB"})
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        kafka = Kafka(folder / "kafka")
        stack.push_async_callback(kafka.stop)
        await kafka.start()
        keys.make(folder / "keys")
        yield Bench(folder, postgres, kafka, Databases(postgres.url), folder / "keys")
