"""What a set leaves in its logs, topics, databases, Redis, traces and metrics, as texts to look for somebody in."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import cast

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from deploy.embedded import topics
from deploy.embedded.environment import WITH_DATABASE, prefix
from deploy.embedded.launcher import EmbeddedSet


def logs(kabinet: EmbeddedSet) -> dict[str, str]:
    return {log.stem: log.read_text(errors="replace") for log in sorted((kabinet.folder / "logs").glob("*.log"))}


async def records(bootstrap: str) -> list[str]:
    """Headers, keys and values of every record of every topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, n) for topic in topics.read() for n in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        found: list[str] = []
        while any([await consumer.position(at) < ends[at] for at in partitions]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    headers = b" ".join(name.encode() + b"=" + value for name, value in record.headers)
                    text = b" ".join((record.key or b"", headers, record.value or b""))
                    found.append(text.decode("utf-8", "replace"))
        return found
    finally:
        await consumer.stop()


async def cells(env: Mapping[str, str]) -> AsyncIterator[tuple[str, str]]:
    """Every value of every row of every database, as a dump would hold it, under `service.table.column`."""
    for service in WITH_DATABASE:
        connection = await asyncpg.connect(env[f"{prefix(service)}DATABASE_URL"])
        try:
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            for table in [row[0] for row in await connection.fetch(tables)]:
                every = f"SELECT cell.* FROM {table} AS row, jsonb_each_text(to_jsonb(row)) AS cell (name, value)"
                for name, value in await connection.fetch(every):
                    if value is not None:
                        yield f"{service}.{table}.{name}", _readable(value)
        finally:
            await connection.close()


def _readable(value: str) -> str:
    """PostgreSQL writes bytes as hexadecimal."""
    if not value.startswith("\\x"):
        return value
    return bytes.fromhex(value.removeprefix("\\x")).decode("utf-8", "replace")


async def remembered(urls: set[str]) -> list[str]:
    """Names and values of all that Redis holds."""
    found: list[bytes] = []
    for url in urls:
        async with Redis.from_url(url) as redis:
            async for name in redis.scan_iter():
                found += [name, *(await _value(redis, name))]
    return [text.decode("utf-8", "replace") for text in found]


async def _value(redis: Redis, name: bytes) -> list[bytes]:
    if await redis.type(name) == b"hash":
        fields = await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(name))
        return [part for pair in fields.items() for part in pair]
    return [cast("bytes | None", await redis.get(name)) or b""]


async def metrics(http: httpx2.AsyncClient, kabinet: EmbeddedSet) -> dict[str, str]:
    """Of each program, as Prometheus would get them."""
    return {service: (await http.get(f"{url}/metrics")).text for service, url in kabinet.urls.items()}


async def sent_secrets(http: httpx2.AsyncClient, mailbox: str) -> set[str]:
    """The tokens and codes that went out in letters and SMS."""
    messages = (await http.get(f"{mailbox}/api/messages")).json()["items"]
    texts = [str(message["text"]) for message in messages]
    links = {word.rpartition("/")[2] for text in texts for word in text.split() if "/c/" in word or "/r/" in word}
    return links | {text.rpartition("#")[2].strip() for text in texts if "#" in text and len(text) < 200}
