"""Links: who holds which account, how a hold begins and ends."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from billing_link import gauges
from billing_link.tables import Link
from shared.contracts.billing_link import AccountLinked, AccountUnlinked, Origin
from shared.database import after_commit
from shared.outbox import publish

EndReason = Literal["user", "objection", "new-contract", "erased", "support"]

# The unique index on active links decides between two that come at once; the account's holder finds its link there.
_MAKE = text("""
    INSERT INTO links (id, user_id, account_number, origin, alias, evidence_on)
    VALUES (:id, :user_id, :number, :origin, '', :evidence_on)
    ON CONFLICT (user_id, account_number) WHERE ended_at IS NULL DO NOTHING
    RETURNING linked_at
""")
_END = text("""
    UPDATE links SET ended_at = now(), end_reason = :reason, alias = ''
    WHERE id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL
    RETURNING id
""")


async def make_link(
    session: AsyncSession,
    user_id: UUID,
    number: str,
    origin: Origin,
    evidence_on: date,
    request_id: UUID | None = None,
) -> UUID | None:
    """Link and say so, once; the link's id. Somebody who holds the account already keeps the link that they have: None.

    The caller holds the account.
    """
    link_id = uuid7()
    values = {"id": link_id, "user_id": user_id, "number": number, "origin": origin, "evidence_on": evidence_on}
    linked_at = await session.scalar(_MAKE, values)
    if linked_at is None:
        return None
    others = [link.user_id for link in await active_links(session, [number]) if link.user_id != user_id]
    publish(
        session,
        AccountLinked(
            link_id=link_id,
            request_id=request_id,
            user_id=user_id,
            account_number=number,
            origin=origin,
            linked_at=linked_at,
            other_holders=others,
        ),
    )
    after_commit(session, gauges.made.labels(origin).inc)
    return link_id


async def end_links(session: AsyncSession, links: Iterable[Link], reason: EndReason) -> None:
    """End what has not ended yet, and say so. The caller holds the accounts."""
    by_id = {link.id: link for link in links}
    ended = await session.execute(_END, {"ids": list(by_id), "reason": reason})
    for link in sorted((by_id[link_id] for link_id in ended.scalars()), key=lambda link: link.id):
        publish(
            session,
            AccountUnlinked(link_id=link.id, user_id=link.user_id, account_number=link.account_number, reason=reason),
        )
        after_commit(session, gauges.ended.labels(reason).inc)


async def active_links(session: AsyncSession, numbers: Collection[str]) -> list[Link]:
    """The links of these accounts that have not ended, oldest first."""
    statement = (
        select(Link)
        .where(col(Link.account_number).in_(numbers), col(Link.ended_at).is_(None))
        .order_by(col(Link.linked_at), col(Link.id))
    )
    return list((await session.execute(statement)).scalars())


async def links_of_user(session: AsyncSession, user_id: UUID) -> list[Link]:
    """What the user holds now, in the order in which it came."""
    statement = (
        select(Link)
        .where(col(Link.user_id) == user_id, col(Link.ended_at).is_(None))
        .order_by(col(Link.linked_at), col(Link.id))
    )
    return list((await session.execute(statement)).scalars())
