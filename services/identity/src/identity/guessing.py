"""Guesses at passwords: counted in the database before anything is hashed, also for logins that do not exist."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from identity import gauges
from identity.rules import TooManyAttempts
from identity.wired import Wired

# Each counter is one row, so the limit is one statement that counts and refuses: exact however many guess at once.
# Whoever waits for a row counts by what it finds then. Addresses come first, so no two guesses wait for each other.
_RECENT = (
    "ARRAY(SELECT at FROM unnest(known.guessed_at) AS at"
    " WHERE at > clock_timestamp() - make_interval(secs => {window}))"
)
_COUNT = f"""
INSERT INTO guess_counters AS known (subject_hmac, device_hmac, guessed_at, in_a_row, last_at)
SELECT {{subject}}, {{device}}, ARRAY[now.at], {{step}}, now.at FROM {{where}} (SELECT clock_timestamp() AS at) AS now
    ON CONFLICT (subject_hmac, device_hmac) DO UPDATE
   SET guessed_at = {_RECENT} || excluded.last_at, in_a_row = known.in_a_row + excluded.in_a_row,
       last_at = excluded.last_at
 WHERE cardinality({_RECENT}) < {{most}} AND known.in_a_row < {{most_in_a_row}}
RETURNING last_at
"""
_UNLIMITED = 2**31 - 1
_ADDRESS = _COUNT.format(
    subject="$1::bytea", device="''::bytea", step=0, where="", window=60, most="$2", most_in_a_row=_UNLIMITED
)
_LOGIN = _COUNT.format(
    subject="$3::bytea",
    device="$4::bytea",
    step="$5::int",
    window="$6",
    most="$7",
    most_in_a_row="$8",
    where="address,",
)
_CHARGE = f"""
WITH address AS ({_ADDRESS}), login AS ({_LOGIN})
SELECT EXISTS (SELECT FROM address) AS of_address, (SELECT last_at FROM login) AS at
"""
# Seconds until there is room again: in the window, or when the guesses in a row are forgotten.
_WAIT = f"""
SELECT extract(epoch FROM CASE
       WHEN in_a_row >= $4 THEN last_at + make_interval(days => $5)
       ELSE (SELECT min(at) FROM unnest({_RECENT.format(window="$3")}) AS at) + make_interval(secs => $3)
       END - clock_timestamp())::float AS seconds
  FROM guess_counters AS known WHERE subject_hmac = $1 AND device_hmac = $2
"""
# One instant may stand for two guesses that waited for each other; only one of them is taken back.
_TAKE_BACK = """
UPDATE guess_counters SET in_a_row = 0, guessed_at = (
       SELECT coalesce(array_agg(at ORDER BY at), '{}') FROM unnest(guessed_at) WITH ORDINALITY AS one (at, place)
        WHERE place IS DISTINCT FROM array_position(guessed_at, :at))
 WHERE subject_hmac = :subject AND device_hmac = :device
"""


@dataclass(frozen=True)
class Guess:
    """A guess that was counted, to be taken back if it turns out right."""

    subject: bytes
    device: bytes
    at: datetime


async def charge(login_key: str, address: str, wired: Wired, device: UUID | None = None) -> Guess:
    """Count the guess for its address and its login, at once and for good, or raise `TooManyAttempts`.

    `device`: one that the login's owner has signed in on before. It has a counter of its own, so that strangers cannot
    lock its owner out.
    """
    settings, keys = wired.settings, wired.keys
    subject, guesser = _login(login_key, wired), keys.hmac("guessing address", address)
    device_hmac = b"" if device is None else keys.hmac("guessing device", str(device))
    window = settings.guesses_window_seconds
    step, most_in_a_row = (1, settings.guesses_in_a_row) if device is None else (0, _UNLIMITED)
    counted = await wired.database.fetchrow(
        _CHARGE,
        *(guesser, settings.guesses_per_address_minute),
        *(subject, device_hmac, step, window, settings.guesses_per_login, most_in_a_row),
    )
    assert counted is not None
    if counted["at"] is not None:
        return Guess(subject, device_hmac, counted["at"])
    of = "address" if not counted["of_address"] else "login" if device is None else "device"
    gauges.guesses_refused.labels(of).inc()
    full = (subject, device_hmac, window, most_in_a_row) if counted["of_address"] else (guesser, b"", 60, _UNLIMITED)
    wait = await wired.database.fetchrow(_WAIT, *full, settings.guesses_in_a_row_days)
    raise TooManyAttempts(retry_after=max(1, int((wait and wait["seconds"]) or 0) + 1))


async def was_right(session: AsyncSession, guess: Guess) -> None:
    """Take it back from its login's or device's counter; its address keeps it."""
    await session.execute(text(_TAKE_BACK), {"subject": guess.subject, "device": guess.device, "at": guess.at})


async def forget(session: AsyncSession, login_key: str, wired: Wired) -> None:
    """The owner has shown another way in: wrong guesses at the login count no more, on whatever device."""
    statement = text("DELETE FROM guess_counters WHERE subject_hmac = :login")
    await session.execute(statement, {"login": _login(login_key, wired)})


def _login(login_key: str, wired: Wired) -> bytes:
    return wired.keys.hmac("guessed login", login_key)
