"""Erasure: what is kept about a user goes, and the account's other holders notice nothing of it."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import locks
from billing_link.links import end_links, links_of_user
from shared.contracts.billing_link import UserDataErased
from shared.outbox import publish


async def erase_user(session: AsyncSession, user_id: UUID) -> None:
    """End the user's links, delete their requests, and give the receipt. Whatever comes about them later is ignored.

    Requests and wishes go first: a decision that is under way holds its row, so its link is there to be ended.
    The attempts against an account stay, for they say nothing of who made them.
    """
    await locks.hold_user(session, user_id)
    user = {"id": user_id}
    await session.execute(text("INSERT INTO erased_holders (user_id) VALUES (:id) ON CONFLICT DO NOTHING"), user)
    await session.execute(text("DELETE FROM link_wishes WHERE user_id = :id"), user)
    await session.execute(text("DELETE FROM link_requests WHERE user_id = :id"), user)
    await session.execute(
        text("DELETE FROM link_attempts WHERE subject = 'user' AND key = CAST(:id AS text)"), {"id": str(user_id)}
    )
    links = await links_of_user(session, user_id)
    await locks.hold_accounts(session, [link.account_number for link in links])
    # Only now: an objection that was being made held the account.
    await session.execute(text("DELETE FROM objections WHERE user_id = :id"), user)
    await session.execute(text("UPDATE objections SET objected_by = NULL WHERE objected_by = :id"), user)
    await end_links(session, links, "erased")
    publish(session, UserDataErased(user_id=user_id))
