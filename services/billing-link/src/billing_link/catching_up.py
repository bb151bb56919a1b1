"""Catching up, where the database was set back to an earlier moment: links that ended since end again, links that were
made since are made again, as the topic tells of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from billing_link import locks, rules
from billing_link.holders import keep_objection
from billing_link.links import end_links
from billing_link.settings import BillingLinkSettings
from billing_link.tables import ErasedHolder, Link
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, LinkStated
from shared.database import Database
from shared.outbox import publish
from shared.said import Said

_MAKE = text("""
    INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on, linked_at)
    VALUES (:id, :user_id, :number, :origin, '', :evidence_on, :linked_at)
    ON CONFLICT DO NOTHING
    RETURNING id
""")


@dataclass
class Lost:
    """What the topic tells of the time that the database does not know, by account, in the order of saying."""

    events: dict[str, list[AccountLinked | AccountUnlinked]] = field(default_factory=dict)

    def take(self, said: Said) -> None:
        if said.forgotten and isinstance(said.event, AccountLinked | AccountUnlinked):
            self.events.setdefault(said.event.account_number, []).append(said.event)


@dataclass(frozen=True)
class CaughtUp:
    linked: int
    ended: int


async def catch_up(said: AsyncIterator[list[Said]], database: Database, settings: BillingLinkSettings) -> CaughtUp:
    """Before the service is started again, so that nobody looks at an account that is no longer theirs. Each account is
    a transaction of its own: safe to interrupt and to run again."""
    lost = Lost()
    async for batch in said:
        for one in batch:
            lost.take(one)
    linked = ended = 0
    for number, events in sorted(lost.events.items()):
        async with database.transaction() as session:
            await locks.hold_accounts(session, [number])
            for event in events:
                if isinstance(event, AccountLinked):
                    linked += await _link(session, event, settings)
                else:
                    ended += await _end(session, event, settings)
    return CaughtUp(linked, ended)


async def _link(session: AsyncSession, event: AccountLinked, settings: BillingLinkSettings) -> int:
    """The same link again. The day of its evidence is lost; that of the linking stands for it, as it was no later. It
    is stated, for what was told of it once is not told again."""
    if await session.get(ErasedHolder, event.user_id) is not None:
        return 0
    values = {"id": event.link_id, "user_id": event.user_id, "number": event.account_number, "origin": event.origin}
    day = rules.day_of(event.linked_at, settings.time_zone)
    made: UUID | None = await session.scalar(_MAKE, values | {"evidence_on": day, "linked_at": event.linked_at})
    if made is None:
        return 0
    stated = LinkStated(
        link_id=made,
        user_id=event.user_id,
        account_number=event.account_number,
        origin=event.origin,
        linked_at=event.linked_at,
    )
    publish(session, stated)
    return 1


async def _end(session: AsyncSession, event: AccountUnlinked, settings: BillingLinkSettings) -> int:
    """End it again, with the objection that ended it; who objected is not known any more."""
    statement = select(Link).where(col(Link.id) == event.link_id, col(Link.ended_at).is_(None))
    found = (await session.execute(statement)).scalars().all()
    if event.reason == "objection":
        day = rules.day_of(event.time, settings.time_zone)
        await keep_objection(session, event.user_id, event.account_number, event.link_id, None, day)
    await end_links(session, found, event.reason)
    return len(found)
