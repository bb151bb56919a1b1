"""Recovering: a link in a letter sets a new password, ends every session, and moves an old user who had not come."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import guessing, history, moving, rules, sessions, tokens
from identity.tables import User
from identity.wired import Wired
from shared.contracts.identity import PasswordChanged
from shared.outbox import publish


async def own_words(session: AsyncSession, token: str, wired: Wired) -> tuple[str, ...]:
    """Login, address and phone of whom the link belongs to, for judging the new password; raises `LinkNotValid`."""
    user_id = await tokens.owner(session, token, "recovery", wired)
    statement = text(
        "SELECT login, coalesce(email, ''), coalesce(phone, '') FROM users WHERE id = :id UNION ALL"
        " SELECT account_number, coalesce(email, ''), coalesce(phone, '') FROM legacy_users WHERE id = :id"
    )
    row = (await session.execute(statement, {"id": user_id})).first()
    if row is None:
        raise rules.LinkNotValid
    return tuple(row)


async def reset(session: AsyncSession, token: str, password_hash: str, wired: Wired) -> None:
    """Use the link; everything that the old password opened is closed."""
    used = await tokens.use(session, token, ("recovery",), wired)
    if used is None:
        raise rules.LinkNotValid
    user = await moving.move(session, used.user_id, password_hash, False, wired)
    user = user or await session.get(User, used.user_id, with_for_update=True)
    if user is None:
        raise rules.LinkNotValid
    user.password_hash, user.password_weak = password_hash, False
    user.pending_email = None  # whoever asked for it may be whom the new password shuts out
    history.record(session, user.id, "password_reset")
    await sessions.end(session, user.id, None, "password_reset")
    await tokens.kill(session, user.id)
    await guessing.forget(session, user.login_key, wired)
    publish(session, PasswordChanged(user_id=user.id, reason="reset"))
