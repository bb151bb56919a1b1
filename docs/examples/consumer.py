"""Another team's reader of Kabinet's events: who holds which account, kept in a database of its own.

It may die anywhere: the event's id and its effect are one transaction, and the offset is committed after both.
"""

import asyncio
import json
import os
import sqlite3
from typing import Any

from aiokafka import AIOKafkaConsumer


def linked(db: sqlite3.Connection, data: dict[str, Any]) -> None:
    db.execute("INSERT INTO holders VALUES (?, ?, ?)", (data["link_id"], data["account_number"], data["user_id"]))


def unlinked(db: sqlite3.Connection, data: dict[str, Any]) -> None:
    db.execute("DELETE FROM holders WHERE link_id = ?", (data["link_id"],))


REACTIONS = {"billing_link.account_linked.v1": linked, "billing_link.account_unlinked.v1": unlinked}
TABLES = """
    CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS holders (link_id TEXT PRIMARY KEY, account_number TEXT, user_id TEXT);
"""


async def main(kafka: str, database: str, group: str) -> None:
    db = sqlite3.connect(database)
    db.executescript(TABLES)
    consumer = AIOKafkaConsumer(
        "billing-link.events",
        bootstrap_servers=kafka,
        group_id=group,  # your own: the services' groups are named for the services
        enable_auto_commit=False,  # on, it commits what was not handled yet
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for record in consumer:
            headers = {name: value.decode() for name, value in record.headers}
            if react := REACTIONS.get(headers.get("ce_type", "")):  # any other type is not ours to judge
                with db:  # a transaction: the id and the effect, or neither
                    if db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (headers["ce_id"],)).rowcount:
                        react(db, json.loads(record.value))
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main(os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["DATABASE"], os.environ["GROUP"]))
