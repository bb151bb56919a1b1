"""One database and one role for each service, which no other role may open."""

from collections.abc import Mapping

import asyncpg


async def prepare(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Makes role and database of each name, or gives the role that is there the password. Safe to run again.

    Names are ours and passwords URL-safe, so that neither needs quoting rules.
    """
    connection = await asyncpg.connect(superuser_url, timeout=10)
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for name, password in passwords.items():
            verb = "ALTER" if name in roles else "CREATE"
            await connection.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{password}'")
            if name not in databases:
                await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
            await connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    finally:
        await connection.close()
