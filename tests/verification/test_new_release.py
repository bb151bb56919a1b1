"""The release before: its rows are taken over, and it goes on beside this one on the new schema."""

import asyncio

import asyncpg

from shared.migrating import migrate
from tests.kit import Databases

PHONE = b"p" * 32


async def test_what_a_phone_has_spent_is_not_forgotten_and_the_old_release_can_go_on(databases: Databases) -> None:
    url = await databases.empty("verification_of_0_1")
    await asyncio.to_thread(migrate, "verification", url, "verification_0001")
    connection = await asyncpg.connect(url)
    code = "gen_random_uuid(), gen_random_uuid()"
    await connection.execute("INSERT INTO phones (phone_hmac) VALUES ($1)", PHONE)
    for hours in (30, 20, 1):
        age = f"now() - interval '{hours} hours'"
        await connection.execute(f"INSERT INTO code_sends VALUES ({code}, $1, {age})", PHONE)
        await connection.execute(f"INSERT INTO code_checks VALUES ({code}, $1, {age})", PHONE)

    await asyncio.to_thread(migrate, "verification", url)

    ages = "ARRAY(SELECT round(extract(epoch FROM now() - at) / 3600)::int FROM unnest({}) AS at)"
    row = await connection.fetchrow(f"SELECT {ages.format('sent')}, {ages.format('tried')} FROM phones")
    assert row is not None
    assert tuple(row) == ([20, 1], [20, 1])
    old = "INSERT INTO phones (phone_hmac) VALUES ($1) ON CONFLICT (phone_hmac) DO UPDATE SET seen_at = now()"
    await connection.execute(old, PHONE)
    await connection.execute(f"INSERT INTO code_sends VALUES ({code}, $1)", PHONE)
    await connection.close()
    await databases.drop(url)
