"""Guesses at passwords: counted in the database before anything is hashed, also for logins that do not exist."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.rules import TooManyAttempts
from identity.wired import Wired

# Each counter is one row, so the limit is one statement that counts and refuses: exact however many guess at once. The
# row is locked until the guess is committed; whoever waits for it counts by what it finds then.
_RECENT = (
    "ARRAY(SELECT at FROM unnest(known.guessed_at) AS at WHERE at > clock_timestamp() - make_interval(secs => :window))"
)
_CHARGE = f"""
INSERT INTO guess_counters AS known (subject_hmac, device_hmac, guessed_at, in_a_row, last_at)
SELECT CAST(:subject AS bytea), CAST(:device AS bytea), ARRAY[now.at], CAST(:step AS int), now.at
  FROM (SELECT clock_timestamp() AS at) AS now
    ON CONFLICT (subject_hmac, device_hmac) DO UPDATE
   SET guessed_at = {_RECENT} || excluded.last_at, in_a_row = known.in_a_row + excluded.in_a_row,
       last_at = excluded.last_at
 WHERE cardinality({_RECENT}) < :most AND known.in_a_row < :most_in_a_row
RETURNING last_at
"""
# Seconds until there is room again: in the window, or when the guesses in a row are forgotten.
_WAIT = f"""
SELECT extract(epoch FROM CASE
       WHEN in_a_row >= :most_in_a_row THEN last_at + make_interval(days => :days)
       ELSE (SELECT min(at) FROM unnest({_RECENT}) AS at) + make_interval(secs => :window)
       END - clock_timestamp())::float
  FROM guess_counters AS known WHERE subject_hmac = :subject AND device_hmac = :device
"""
# One instant may stand for two guesses that waited for each other; only one of them is taken back.
_TAKE_BACK = """
UPDATE guess_counters SET in_a_row = 0, guessed_at = (
       SELECT coalesce(array_agg(at ORDER BY at), '{}') FROM unnest(guessed_at) WITH ORDINALITY AS one (at, place)
        WHERE place IS DISTINCT FROM array_position(guessed_at, :at))
 WHERE subject_hmac = :subject AND device_hmac = :device
"""
_UNLIMITED = 2**31 - 1


@dataclass(frozen=True)
class Guess:
    """A guess that was counted, to be taken back if it turns out right."""

    subject: bytes
    device: bytes
    at: datetime


async def charge(
    session: AsyncSession, login_key: str, address: str, wired: Wired, device: UUID | None = None
) -> Guess:
    """Count the guess for its address and its login, or raise `TooManyAttempts`.

    `device`: one that the login's owner has signed in on before. It has a counter of its own, so that strangers cannot
    lock its owner out. Addresses come first everywhere, so that no two guesses wait for each other.
    """
    settings = wired.settings
    await _count(session, _address(address, wired), b"", settings.guesses_per_address_minute, 60, wired)
    most, window = settings.guesses_per_login, settings.guesses_window_seconds
    device_hmac = b"" if device is None else wired.keys.hmac("guessing device", str(device))
    in_a_row = settings.guesses_in_a_row if device is None else _UNLIMITED
    return await _count(session, _login(login_key, wired), device_hmac, most, window, wired, in_a_row)


async def was_right(session: AsyncSession, guess: Guess) -> None:
    """Take it back from its login's or device's counter; its address keeps it."""
    await session.execute(text(_TAKE_BACK), {"subject": guess.subject, "device": guess.device, "at": guess.at})


async def forget(session: AsyncSession, login_key: str, wired: Wired) -> None:
    """The owner has shown another way in: wrong guesses at the login count no more, on whatever device."""
    statement = text("DELETE FROM guess_counters WHERE subject_hmac = :login")
    await session.execute(statement, {"login": _login(login_key, wired)})


async def _count(
    session: AsyncSession,
    subject: bytes,
    device: bytes,
    most: int,
    window: int,
    wired: Wired,
    most_in_a_row: int | None = None,
) -> Guess:
    values = {"subject": subject, "device": device, "window": window, "most_in_a_row": most_in_a_row or _UNLIMITED}
    step = 0 if most_in_a_row is None else 1
    at = await session.scalar(text(_CHARGE), {**values, "most": most, "step": step})
    if at is None:
        wait = await session.scalar(text(_WAIT), {**values, "days": wired.settings.guesses_in_a_row_days})
        raise TooManyAttempts(retry_after=max(1, int(wait or 0) + 1))
    return Guess(subject, device, at)


def _login(login_key: str, wired: Wired) -> bytes:
    return wired.keys.hmac("guessed login", login_key)


def _address(address: str, wired: Wired) -> bytes:
    return wired.keys.hmac("guessing address", address)
