"""Turns: who changes what belongs to one user or one account waits here for the others, until the commit."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Always in this order: users, accounts, the rest; one who holds an account never waits for a user.
_HOLD = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0))"
    ' FROM (SELECT DISTINCT unnest(CAST(:names AS text[])) COLLATE "C" AS name ORDER BY 1) AS in_order'
)
_FACTS = 0x62696C6C  # "bill"
_NIGHT = 0x6E696768  # "nigh"


async def hold_user(session: AsyncSession, user_id: UUID) -> None:
    await _hold(session, [f"user {user_id}"])


async def hold_accounts(session: AsyncSession, numbers: Iterable[str]) -> None:
    """The accounts' turns. Events are keyed by the account, known to billing or not, so their order is the commits'."""
    await _hold(session, [f"account {number}" for number in numbers])


async def hold_attempts(session: AsyncSession, subjects: Iterable[str]) -> None:
    await _hold(session, [f"attempts {subject}" for subject in subjects])


async def _hold(session: AsyncSession, names: list[str]) -> None:
    await session.execute(_HOLD, {"names": names})


async def read_facts(session: AsyncSession) -> None:
    """Said before facts of billing are judged; see `after_import`."""
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(:name)"), {"name": _FACTS})


async def after_import(session: AsyncSession) -> None:
    """Wait until everyone has finished who judged by the facts as they were before an import was committed."""
    await take_time(session)
    await session.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _FACTS})


async def hold_night(session: AsyncSession) -> bool:
    """The turn of what one worker does in the night; False where another is at it."""
    held: bool = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:name)"), {"name": _NIGHT})
    return held


async def take_time(session: AsyncSession) -> None:
    """Lift the time limits of this transaction: nobody waits for an answer."""
    await session.execute(text("SET LOCAL lock_timeout = 0"))
    await session.execute(text("SET LOCAL statement_timeout = 0"))
