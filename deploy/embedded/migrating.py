"""Whether a database is as the last `<service> migrate` with these files left it: then a start saves that program."""

import hashlib
from pathlib import Path

import asyncpg

ROOT = Path(__file__).resolve().parents[2]


async def mark(service: str, database_url: str) -> str:
    """A mark of the migration files and of the revisions that the database says it is at."""
    digest = hashlib.sha256()
    for folder in (ROOT / "shared/src/shared/migrations", ROOT / "services" / service / "migrations"):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        rows = await connection.fetch("SELECT version_num FROM alembic_version ORDER BY version_num")
    except asyncpg.UndefinedTableError:
        rows = []
    finally:
        await connection.close()
    return f"{digest.hexdigest()} {' '.join(row['version_num'] for row in rows)}"
