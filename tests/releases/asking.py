"""Link requests that are asked while releases come and go, and what must be true of them in the end."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils.compat import uuid7

from deploy.embedded import topics
from shared.contracts.billing import AccountOpened, PaymentPosted
from shared.contracts.billing_link import LinkRequested
from tests.kit import Running, eventually
from tests.shared.desk import producing, record

TOPIC = LinkRequested.topic
PAID, WRONG = "1234.00", "4321.00"
ACCOUNTS = 6
AT_ONCE = 8
HELD = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND datname = current_database()
"""
"""Advisory locks; the relay's is the only one that outlives a transaction."""
(PARTITIONS,) = (topic.partitions for topic in topics.read() if topic.name == TOPIC)


@dataclass
class Requests:
    """Every other one names the right amount. A stranger's record, which nothing can read, comes in between."""

    api: Running
    kafka: str
    accounts: list[str]
    asked: dict[UUID, str] = field(default_factory=dict)
    """The request and what must become of it."""
    strange: list[str] = field(default_factory=list)
    """Keys of the stranger's records."""
    _next: int = 0

    @classmethod
    async def with_accounts(cls, api: Running, kafka: str) -> "Requests":
        """Accounts of which billing has told, each with a payment; no other test knows their numbers."""
        begin = uuid7().int % 10**12
        accounts = [f"{begin + number:014d}" for number in range(ACCOUNTS)]
        opened = datetime(2020, 1, 1, tzinfo=UTC).date()
        paid_on = (datetime.now(UTC) - timedelta(days=3)).date()
        for account in accounts:
            payment = PaymentPosted(
                account_number=account, payment_id=account, amount=PAID, paid_on=paid_on, service="electricity"
            )
            await api.hears(AccountOpened(account_number=account, address="Лесная, 1", opened_on=opened), payment)
        return cls(api, kafka, accounts)

    async def ask(self, count: int, url: str | None = None) -> list[UUID]:
        """By users who ask for the first time, a few at once, at today's API or at the one that the URL names."""
        numbers = range(self._next, self._next + count)
        self._next += count
        at_once = asyncio.Semaphore(AT_ONCE)
        async with httpx2.AsyncClient(base_url=url or "http://none.test", timeout=10) as there:
            client = self.api.client if url is None else there

            async def ask_one(number: int) -> UUID:
                account, right = self.accounts[number % ACCOUNTS], number // ACCOUNTS % 2 == 0
                body = {"account_number": account, "amount": PAID if right else WRONG}
                async with at_once:
                    answer = await client.post("/v1/link-requests", json=body, headers=self.api.bearer(uuid7()))
                assert answer.status_code == 202, answer.text
                made = UUID(answer.json()["id"])
                self.asked[made] = "linked" if right else "refused"
                return made

            return list(await asyncio.gather(*map(ask_one, numbers)))

    @asynccontextmanager
    async def asked_meanwhile(self, count: int) -> AsyncIterator[None]:
        """A third of them is asked before what comes in between, the others during it and after it."""
        before = len(self.asked)
        asking = asyncio.create_task(self.ask(count))

        async def a_third() -> bool:
            return len(self.asked) - before >= count // 3 or asking.done()

        await eventually(a_third, 30)
        yield
        await asking

    async def send_what_nobody_can_read(self) -> None:
        """One record of a type that is read, without what it must have."""
        event = LinkRequested(user_id=uuid7(), account_number=f"strange-{uuid7().hex}", request_id=uuid7())
        key, _, headers = record(event)
        async with producing(self.kafka) as producer:
            await producer.send_and_wait(TOPIC, b"{}", key=key.encode(), headers=headers)
        self.strange.append(key)

    async def all_decided(self, seconds: float = 30) -> None:
        async def done() -> bool:
            pending = "SELECT count(*) FROM link_requests WHERE status = 'pending'"
            unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
            counted = [(await self.api.rows(sql))[0][0] for sql in (pending, unsent)]
            return counted == [0, 0] and set(await self.letters()) >= set(self.strange)

        await eventually(done, seconds)

    async def one_relay_has_the_place(self) -> None:
        """Whatever else a release changes, that of the other one knows its lock; else two send beside each other."""

        async def held() -> bool:
            return [row[0] for row in await self.api.rows(HELD)] == [1]

        await eventually(held)

    async def letters(self) -> list[str]:
        return [key for (key,) in await self.api.rows("SELECT key FROM dead_letters WHERE resolved_at IS NULL")]

    async def must_be_decided_once_and_in_order(self) -> None:
        """As told by the rows, by what was said, and by what is in the topic; nothing else was parked."""
        rows = await self.api.rows("SELECT id, status FROM link_requests")
        assert {row.id: row.status for row in rows} == self.asked
        requested, decided = await self._said()
        assert {request for said in requested.values() for request in said} == self.asked.keys()
        assert decided == requested, "each once, and in the order of asking"
        assert sorted(await self.letters()) == sorted(self.strange)
        assert await self._sent() == await self._committed()

    async def _said(self) -> tuple[dict[str, list[UUID]], dict[str, list[UUID]]]:
        """By account: the requests in the order in which they were asked for, and in that of their decisions."""
        requested: dict[str, list[UUID]] = {account: [] for account in self.accounts}
        decided: dict[str, list[UUID]] = {account: [] for account in self.accounts}
        for event in await self.api.said():
            said = requested if isinstance(event, LinkRequested) else decided
            said[event.account_number].append(event.request_id)
        return requested, decided

    async def _committed(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for key, event_id in await self.api.rows("SELECT key, event_id FROM outbox ORDER BY id"):
            found[key].append(str(event_id))
        return dict(found)

    async def _sent(self) -> dict[str, list[str]]:
        """Ids in the topic by account; of a repeat the first one counts."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in await self._records():
            key, id_ = (one.key or b"").decode(), dict(one.headers)["ce_id"].decode()
            if key in self.accounts and id_ not in found[key]:
                found[key].append(id_)
        return dict(found)

    async def _records(self) -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []

            async def at_the_end() -> bool:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(records)
                return all([await consumer.position(at) >= end for at, end in ends.items()])

            await eventually(at_the_end, 30)
            return found
        finally:
            await consumer.stop()
