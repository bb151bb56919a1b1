"""An account's holders, as each of them sees all; and an objection to one who came later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import locks, rules
from billing_link.links import active_links, end_links
from billing_link.rules import Hold, NotRemovable
from billing_link.settings import BillingLinkSettings
from billing_link.tables import Link
from shared.problems import NotFound

_OBJECT = text("""
    INSERT INTO objections (user_id, account_number, link_id, objected_by, objected_on)
    VALUES (:user_id, :number, :link_id, :objected_by, :objected_on)
    ON CONFLICT (user_id, account_number) DO UPDATE
        SET link_id = excluded.link_id, objected_by = excluded.objected_by, objected_on = excluded.objected_on
""")


@dataclass(frozen=True)
class Holder:
    """One holder; who it is, is nobody's business."""

    link_id: UUID
    origin: str
    linked_at: datetime
    you: bool
    removable: bool


async def holders(session: AsyncSession, user_id: UUID, number: str, settings: BillingLinkSettings) -> Sequence[Holder]:
    """Every holder of an account that the caller holds, oldest first; `NotFound` for whoever does not hold it."""
    links = await active_links(session, [number])
    own, now = _own(links, user_id), await _now(session)
    within = timedelta(days=settings.objection_days)
    return [
        Holder(
            link_id=link.id,
            origin=link.origin,
            linked_at=_hold(link).linked_at,
            you=link.id == own.id,
            removable=rules.removable(_hold(link), _hold(own), now, within),
        )
        for link in links
    ]


async def object_to(
    session: AsyncSession, user_id: UUID, number: str, link_id: UUID, settings: BillingLinkSettings
) -> None:
    """End a younger link that was made by an amount, and refuse its user's later requests by amount.

    Raises `NotFound` where the caller does not hold the account or the link is none of it, and `NotRemovable`.
    """
    await locks.hold_accounts(session, [number])
    links = await active_links(session, [number])
    own, now = _own(links, user_id), await _now(session)
    found = next((link for link in links if link.id == link_id), None)
    if found is None:
        raise NotFound
    if not rules.removable(_hold(found), _hold(own), now, timedelta(days=settings.objection_days)):
        raise NotRemovable
    day = rules.day_of(now, settings.time_zone)
    await keep_objection(session, found.user_id, number, found.id, user_id, day)
    await end_links(session, [found], "objection")


async def keep_objection(
    session: AsyncSession, user_id: UUID, number: str, link_id: UUID, objected_by: UUID | None, day: date
) -> None:
    """Of the user's objections of one account the last counts."""
    values = {"user_id": user_id, "number": number, "link_id": link_id, "objected_by": objected_by, "objected_on": day}
    await session.execute(_OBJECT, values)


async def objected_on(session: AsyncSession, user_id: UUID, number: str) -> date | None:
    """The day on which a holder of the account objected to the user."""
    statement = text("SELECT objected_on FROM objections WHERE user_id = :user_id AND account_number = :number")
    found: date | None = await session.scalar(statement, {"user_id": user_id, "number": number})
    return found


async def lift_objection(session: AsyncSession, user_id: UUID, number: str) -> None:
    statement = text("DELETE FROM objections WHERE user_id = :user_id AND account_number = :number")
    await session.execute(statement, {"user_id": user_id, "number": number})


def _own(links: Sequence[Link], user_id: UUID) -> Link:
    for link in links:
        if link.user_id == user_id:
            return link
    raise NotFound


def _hold(link: Link) -> Hold:
    assert link.linked_at is not None
    return Hold(link.id, link.origin, link.linked_at)


async def _now(session: AsyncSession) -> datetime:
    now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return now
