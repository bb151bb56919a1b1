"""A whole billing-link on a database of its own: its HTTP doors, its reactions, and what it said."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey
from sqlalchemy import text

from billing_link.main import SERVICE
from billing_link.settings import BillingLinkSettings
from billing_link.wired import Wired
from shared.contracts.billing import AccountOpened, PaymentPosted
from shared.delivering import Delivery, Reader
from shared.events import REGISTRY, Event, decode, encode, type_of
from shared.inbox import Letter, hearing
from shared.service import Kernel

NUMBER = "67123456"
TODAY = datetime.now(BillingLinkSettings.model_fields["time_zone"].default).date()


@dataclass
class House:
    """The service under test, reached as other programs reach it: by HTTP, by events, and by what it says."""

    kernel: Kernel
    wired: Wired
    client: httpx2.AsyncClient
    signing: OKPKey
    position: int = 0
    heard_until: int = 0

    def bearer(self, user_id: UUID) -> dict[str, str]:
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": "kabinet-identity", "aud": "kabinet", "sub": str(user_id), "sid": str(uuid4()), "jti": str(uuid4())}
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": self.signing.kid}
        token = jwt.encode(header, {**claims, "iat": now, "exp": now + 300}, self.signing, algorithms=["EdDSA"])
        return {"Authorization": f"Bearer {token}"}

    async def hear(self, *events: Event) -> None:
        """Deliver events as the consumer does, in one batch; none may become a dead letter."""
        await self.deliver([self.letter(event) for event in events])
        assert await self.count("dead_letters") == 0

    def letter(self, event: Event) -> Letter:
        headers, value = encode(event)
        self.position += 1
        raw = [(name, content.encode()) for name, content in headers.items()]
        return Letter(event.topic, 0, self.position, event.key, event.type, event.id, raw, value)

    async def deliver(self, letters: Sequence[Letter]) -> None:
        await Reader(self.kernel.database, hearing(SERVICE.heard), self.wired).deliver(Delivery(letters))

    async def work(self) -> None:
        """Hear what the service said to itself since the last time."""
        async with self.kernel.database.transaction() as session:
            rows = await session.execute(text("SELECT max(id) FROM outbox"))
            until = rows.scalar() or 0
        own = await self.said(after=self.heard_until)
        self.heard_until = until
        await self.hear(*(event for event in own if event.type in hearing(SERVICE.heard)))

    async def said(self, *kinds: type[Event], after: int = 0) -> list[Any]:
        """What stands in the outbox, in order."""
        async with self.kernel.database.transaction() as session:
            rows = await session.execute(text("SELECT headers, value FROM outbox WHERE id > :after ORDER BY id"), {"after": after})
            found = []
            for headers, value in rows:
                raw = [(name, content.encode()) for name, content in headers.items()]
                event = decode(raw, value, REGISTRY[type_of(raw) or ""])
                if not kinds or isinstance(event, kinds):
                    found.append(event)
        return found

    async def count(self, table: str, where: str = "true") -> int:
        async with self.kernel.database.transaction() as session:
            return int(await session.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)

    async def sql(self, statement: str, **values: object) -> None:
        async with self.kernel.database.transaction() as session:
            await session.execute(text(statement), values)

    async def ask(self, user_id: UUID, number: str = NUMBER, amount: str = "1234.00", **headers: str) -> httpx2.Response:
        body = {"account_number": number, "amount": amount}
        return await self.client.post("/v1/link-requests", json=body, headers=self.bearer(user_id) | headers)

    async def ask_and_work(self, user_id: UUID, number: str = NUMBER, amount: str = "1234.00") -> dict[str, Any]:
        """Ask, let the worker decide, and give the decided request."""
        asked = await self.ask(user_id, number, amount)
        assert asked.status_code == 202, asked.text
        await self.work()
        return await self.get(user_id, asked.headers["location"])

    async def get(self, user_id: UUID, path: str) -> dict[str, Any]:
        answer = await self.client.get(path, headers=self.bearer(user_id))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def accounts(self, user_id: UUID) -> list[dict[str, Any]]:
        return list((await self.get(user_id, "/v1/accounts"))["items"])


def opened(number: str = NUMBER, opened_on: date = date(2020, 1, 1), **more: Any) -> AccountOpened:
    address = more.pop("address", "г. Тверь, ул. Садовая, д. 5, кв. 12")
    return AccountOpened(account_number=number, address=address, opened_on=opened_on, **more)


def paid(amount: str = "1234.00", number: str = NUMBER, days_ago: int = 20, **more: Any) -> PaymentPosted:
    fields = {"payment_id": str(uuid4()), "paid_on": TODAY - timedelta(days=days_ago), "service": "electricity"} | more
    return PaymentPosted(account_number=number, amount=amount, **fields)


@pytest.fixture
def settings(h4_dsn: str, tmp_path: Path) -> BillingLinkSettings:
    signing = OKPKey.generate_key("Ed25519", {"kid": "identity-sign-00000001", "use": "sig"})
    secret = OctKey.generate_key(256, {"kid": "billing-link-hmac-00000001"})
    (tmp_path / "public.json").write_text(json.dumps(KeySet([signing]).as_dict(private=False)))
    (tmp_path / "identity.json").write_text(json.dumps(signing.as_dict(private=True)))
    (tmp_path / "private.json").write_text(json.dumps(KeySet([secret]).as_dict(private=True)))
    return BillingLinkSettings(
        database_url=h4_dsn,
        kafka_bootstrap_servers="127.0.0.1:9",
        public_keys_file=tmp_path / "public.json",
        private_keys_file=tmp_path / "private.json",
    )


@pytest.fixture
async def house(settings: BillingLinkSettings, tmp_path: Path) -> AsyncIterator[House]:
    signing = OKPKey.import_key(json.loads((tmp_path / "identity.json").read_text()))
    async with SERVICE.opened(settings) as (kernel, wired):
        transport = httpx2.ASGITransport(app=SERVICE.app(kernel, wired), client=("127.0.0.1", 4000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://billing-link") as client:
            yield House(kernel, wired, client, signing)


@pytest.fixture
async def known(house: House) -> House:
    """A house in which billing told of one account with one payment of 1234.00."""
    await house.hear(opened(), paid())
    return house
