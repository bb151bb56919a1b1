"""Guesses at passwords: counted in the database before anything is hashed, also for logins that do not exist."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity.rules import TooManyAttempts
from identity.wired import Wired


async def charge(session: AsyncSession, login_key: str, address: str, wired: Wired) -> UUID:
    """Write the guess down, or raise `TooManyAttempts`; one request at a time per login and per address."""
    settings = wired.settings
    login_hmac, address_hmac = _hmacs(login_key, address, wired)
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:subject, 2))")
    for subject in sorted((login_hmac.hex(), address_hmac.hex())):
        await session.execute(lock, {"subject": subject})
    counts = text(
        'SELECT (SELECT count(*) FROM guesses WHERE login_hmac = :login AND NOT "right"'
        " AND guessed_at > clock_timestamp() - make_interval(secs => :window)) AS of_login,"
        " (SELECT count(*) FROM guesses WHERE address_hmac = :address"
        " AND guessed_at > clock_timestamp() - interval '1 minute') AS from_address,"
        " (SELECT extract(epoch FROM min(guessed_at) + make_interval(secs => :window) - clock_timestamp())::float"
        ' FROM guesses WHERE login_hmac = :login AND NOT "right"'
        " AND guessed_at > clock_timestamp() - make_interval(secs => :window)) AS wait"
    )
    values = {"login": login_hmac, "address": address_hmac, "window": settings.guesses_window_seconds}
    row = (await session.execute(counts, values)).one()
    if row.of_login >= settings.guesses_per_login:
        raise TooManyAttempts(retry_after=int(row.wait) + 1)
    if row.from_address >= settings.guesses_per_address_minute:
        raise TooManyAttempts(retry_after=60)
    guess_id = uuid7()
    insert = text(
        'INSERT INTO guesses (id, login_hmac, address_hmac, "right", guessed_at)'
        " VALUES (:id, :login, :address, false, clock_timestamp())"
    )
    await session.execute(insert, {"id": guess_id, "login": login_hmac, "address": address_hmac})
    return guess_id


async def was_right(session: AsyncSession, guess_id: UUID) -> None:
    await session.execute(text('UPDATE guesses SET "right" = true WHERE id = :id'), {"id": guess_id})


async def forget(session: AsyncSession, login_key: str, wired: Wired) -> None:
    """The owner has shown another way in: the login's wrong guesses count no more."""
    login_hmac, _ = _hmacs(login_key, "", wired)
    await session.execute(text('UPDATE guesses SET "right" = true WHERE login_hmac = :login'), {"login": login_hmac})


def _hmacs(login_key: str, address: str, wired: Wired) -> tuple[bytes, bytes]:
    return wired.keys.hmac("guessed login", login_key), wired.keys.hmac("guessing address", address)
