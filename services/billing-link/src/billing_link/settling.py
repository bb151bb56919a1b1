"""What follows for links when billing tells of a contract, or somebody comes from the old portal."""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import locks, rules
from billing_link.billing_facts import add_contracts, contracts_of
from billing_link.links import active_links, end_links, make_link
from billing_link.rules import Contract
from shared.contracts.billing import AccountOpened
from shared.contracts.identity import LegacyUserMigrated
from shared.database import Database

BATCH = 500
_NOTHING_YET = ""

_WISH = text("""
    INSERT INTO link_wishes (user_id, account_number, credentials_as_of)
    SELECT CAST(:user_id AS uuid), :number, :as_of
    WHERE NOT EXISTS (SELECT FROM erased_holders WHERE user_id = :user_id)
    ON CONFLICT (user_id, account_number) DO UPDATE
        SET credentials_as_of = greatest(link_wishes.credentials_as_of, excluded.credentials_as_of)
""")
_TAKE_WISHES = text("""
    DELETE FROM link_wishes WHERE account_number = ANY(CAST(:numbers AS text[]))
    RETURNING user_id, account_number, credentials_as_of
""")
_UNSETTLED = text("""
    SELECT account_number FROM (
        SELECT account_number FROM links
        WHERE ended_at IS NULL AND account_number > :after AND EXISTS (
            SELECT FROM contracts
            WHERE contracts.account_number = links.account_number AND contracts.opened_on > links.evidence_on
        )
        UNION
        SELECT account_number FROM link_wishes
        WHERE account_number > :after AND EXISTS (
            SELECT FROM contracts WHERE contracts.account_number = link_wishes.account_number
        )
    ) AS unsettled
    ORDER BY account_number LIMIT :batch
""")


async def link_by_old_credentials(
    session: AsyncSession, migrated: Sequence[LegacyUserMigrated], zone: ZoneInfo
) -> None:
    """Who knew an account's old password is linked without an amount, if the password is of its latest contract's time.

    Of an account that billing has not told of yet the wish is kept: identity's import may well run first.
    """
    numbers = {event.account_number for event in migrated}
    await locks.hold_accounts(session, numbers)
    for event in migrated:
        wish = {"user_id": event.user_id, "number": event.account_number, "as_of": event.credentials_as_of}
        await session.execute(_WISH, wish)
    await settle(session, numbers, zone)


async def take_contracts(session: AsyncSession, opened: Sequence[AccountOpened], zone: ZoneInfo) -> None:
    """Keep the contracts that billing told of, and do what follows from them."""
    numbers = await add_contracts(session, opened)
    await locks.hold_accounts(session, numbers)
    await settle(session, numbers, zone)


async def settle(session: AsyncSession, numbers: Collection[str], zone: ZoneInfo) -> None:
    """End the links of earlier contracts and judge the wishes that waited. The caller holds the accounts.

    Called again it changes nothing.
    """
    await locks.read_facts(session)
    contracts = await contracts_of(session, numbers)
    links = await active_links(session, contracts)
    outlived = [link for link in links if not rules.outlives(link.evidence_on, contracts[link.account_number])]
    await end_links(session, outlived, "new-contract")
    await _grant_wishes(session, contracts, rules.day_of(await session.scalar(text("SELECT now()")), zone))


async def _grant_wishes(session: AsyncSession, contracts: dict[str, Contract], today: date) -> None:
    wishes = await session.execute(_TAKE_WISHES, {"numbers": list(contracts)})
    for user_id, number, as_of in sorted(wishes, key=_by_user):
        if rules.credentials_confirm(as_of, contracts[number], today):
            await make_link(session, user_id, number, "migrated", evidence_on=as_of)


def _by_user(wish: Sequence[UUID]) -> UUID:
    return wish[0]


async def settle_all(database: Database, zone: ZoneInfo) -> None:
    """Settle what an import changed, a batch of accounts per transaction; interrupted, the next run goes on."""
    async with database.transaction() as session:
        await locks.after_import(session)
    after = _NOTHING_YET
    while True:
        async with database.transaction() as session:
            await locks.take_time(session)
            found = await session.execute(_UNSETTLED, {"after": after, "batch": BATCH})
            numbers = list(found.scalars())
            await locks.hold_accounts(session, numbers)
            await settle(session, numbers, zone)
        if not numbers:
            return
        after = numbers[-1]
