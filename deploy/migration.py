"""`make migration`: the draft of a service's next migration, from its tables against a database migrated so far."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.embedded.postgres import Postgres
from shared.migrating import autogenerate, migrate


async def draft(service: str, message: str) -> None:
    """On a PostgreSQL of its own, so that nobody's data decides what the draft says."""
    package = database_name(service)
    with tempfile.TemporaryDirectory(prefix="kabinet-migration-") as folder:
        server = Postgres(Path(folder) / "postgres")
        await server.start()
        try:
            await asyncio.to_thread(migrate, package, server.url)
            await asyncio.to_thread(autogenerate, package, server.url, message)
        finally:
            await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make migration", description=__doc__)
    parser.add_argument("service", choices=WITH_DATABASE)
    parser.add_argument("message", help="what changes, in a few words")
    chosen = parser.parse_args()
    asyncio.run(draft(chosen.service, chosen.message))
    print("Read the draft: alembic sees columns and indexes, not why. Then `make test ARGS=tests/architecture`.")


if __name__ == "__main__":
    main()
