"""The accounts that a user holds: listed, named, let go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import locks
from billing_link.addresses import masked_address
from billing_link.billing_facts import contracts_of
from billing_link.links import end_links, links_of_user
from billing_link.rules import Contract
from billing_link.tables import Link
from shared.problems import NotFound


@dataclass(frozen=True)
class HeldAccount:
    """One account as its holder sees it."""

    account_number: str
    alias: str
    address: str
    """Masked."""
    origin: str
    linked_at: datetime
    closed_on: date | None


async def held_accounts(session: AsyncSession, user_id: UUID) -> list[HeldAccount]:
    """What the user holds, in the order in which it was linked; closed accounts stay listed."""
    return await _shown(session, await links_of_user(session, user_id))


async def rename(session: AsyncSession, user_id: UUID, number: str, alias: str) -> HeldAccount:
    link = await _held(session, user_id, number)
    link.alias = alias
    await session.flush()
    return (await _shown(session, [link]))[0]


async def let_go(session: AsyncSession, user_id: UUID, number: str) -> None:
    """End the caller's own link. The account and everybody else's links stay as they are."""
    link = await _held(session, user_id, number)
    await locks.hold_accounts(session, [number])
    await end_links(session, [link], "user")


async def _held(session: AsyncSession, user_id: UUID, number: str) -> Link:
    for link in await links_of_user(session, user_id):
        if link.account_number == number:
            return link
    raise NotFound


async def _shown(session: AsyncSession, links: Sequence[Link]) -> list[HeldAccount]:
    contracts = await contracts_of(session, [link.account_number for link in links])
    return [_as_seen(link, contracts.get(link.account_number)) for link in links]


def _as_seen(link: Link, contract: Contract | None) -> HeldAccount:
    assert link.linked_at is not None
    return HeldAccount(
        account_number=link.account_number,
        alias=link.alias,
        address=masked_address(contract.address) if contract else "",
        origin=link.origin,
        linked_at=link.linked_at,
        closed_on=contract.closed_on if contract else None,
    )
