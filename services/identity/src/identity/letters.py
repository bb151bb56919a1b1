"""Letters: confirmation and recovery. Who asks gets one answer whoever exists; the worker looks up and decides."""

import asyncio
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import rules, tokens
from identity.tables import LetterRequest, User
from identity.wired import Wired
from shared import context, telemetry
from shared.contacts import canonical_email
from shared.contracts.identity import (
    EmailConfirmationRequested,
    EmailConfirmationSecrets,
    PasswordRecoveryRequested,
    PasswordRecoverySecrets,
)
from shared.delivering import is_transient
from shared.languages import as_locale
from shared.limits import seconds_until_next
from shared.logging import logger
from shared.outbox import publish
from shared.stopping import any_of

LOOK_SECONDS = 0.5
BY_ADDRESS_MOST = 10
ConfirmationPurpose = Literal["registration", "migration", "email_change"]
_log = logger(__name__)


@dataclass(frozen=True)
class Reader:
    """Whom a recovery letter reaches: a user, or somebody of the old portal who has not moved yet."""

    id: UUID
    login: str
    email: str
    locale: str


async def confirm_email(
    session: AsyncSession, user: User, address: str, purpose: ConfirmationPurpose, wired: Wired
) -> None:
    """The letter with the link that confirms the address, counted for its user; the caller holds the user's row."""
    await _count(session, "registration", str(user.id), wired)
    await _confirmation_letter(session, user, address, purpose, wired)


async def _confirmation_letter(
    session: AsyncSession, user: User, address: str, purpose: ConfirmationPurpose, wired: Wired
) -> None:
    """Unless the address got its letters for today: nobody can have it flooded."""
    if await _over_budget(session, "address", address.lower(), wired):
        _log.info("confirmation_letter_withheld", user_id=str(user.id))
        return
    await _count(session, "address", address.lower(), wired)
    token, expires_at = await tokens.make(
        session, purpose, user.id, wired.settings.confirmation_hours * 60, wired, address
    )
    secrets = EmailConfirmationSecrets(
        email=address, login=user.login, token=token, other_logins=await _other_logins(session, user.id, address)
    )
    event = EmailConfirmationRequested(
        user_id=user.id, purpose=purpose, expires_at=expires_at, locale=as_locale(user.locale)
    )
    publish(session, event, sealed=secrets)


async def confirm_pending_again(session: AsyncSession, user: User, wired: Wired) -> None:
    """The letter again for the address that waits; raises `NothingToConfirm`, or `TooManyLetters` and for how long."""
    address = user.pending_email or (user.email if user.email_confirmed_at is None else None)
    if address is None:
        raise rules.NothingToConfirm
    if wait := await _wait(session, "registration", str(user.id), wired):
        raise rules.TooManyLetters(retry_after=wait)
    await confirm_email(session, user, address, "email_change" if user.pending_email else "migration", wired)


async def refuse_beyond_budget(session: AsyncSession, user_id: UUID, wired: Wired) -> None:
    """Raise `TooManyLetters` where the user has caused today's letters already; a minute's wait is not asked for."""
    ages = await _ages(session, "registration", str(user_id), wired)
    if wait := seconds_until_next(ages, 0, wired.settings.letters_per_day):
        raise rules.TooManyLetters(retry_after=wait)


async def ask_confirmation_again(session: AsyncSession, registration_id: UUID, wired: Wired) -> None:
    """Any id is answered alike; raises `TooManyLetters` with the time left."""
    if wait := await _wait(session, "registration", str(registration_id), wired):
        raise rules.TooManyLetters(retry_after=wait)
    await _store(session, "registration", str(registration_id), wired)


async def ask_recovery(session: AsyncSession, login_or_email: str, wired: Wired) -> None:
    await _store(session, "recovery", login_or_email[:320], wired)


async def decide_until_stopped(wired: Wired, stop: asyncio.Event) -> None:
    """The worker's loop over what was asked for."""
    while not stop.is_set():
        try:
            while await decide_next(wired) and not stop.is_set():
                pass
        except Exception as problem:  # one request that cannot be decided must not hold up the others
            if is_transient(problem):
                _log.warning("letters_wait_for_database", cause=type(problem).__name__)
            else:
                _log.error("letter_request_given_up", cause=type(problem).__name__)
                await _give_up_oldest(wired)
        await any_of(LOOK_SECONDS, stop)


async def _give_up_oldest(wired: Wired) -> None:
    oldest = "SELECT id FROM letter_requests WHERE decided_at IS NULL ORDER BY created_at LIMIT 1"
    async with wired.database.transaction() as session:
        await session.execute(
            text(f"UPDATE letter_requests SET decided_at = now(), encrypted_subject = NULL WHERE id = ({oldest})")
        )


async def decide_next(wired: Wired) -> bool:
    """Take the oldest request, send what it deserves, forget whom it named; False where none waits."""
    async with wired.database.transaction() as session:
        statement = text(
            "UPDATE letter_requests SET decided_at = now() WHERE id = (SELECT id FROM letter_requests"
            " WHERE decided_at IS NULL ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING id, purpose, encrypted_subject, traceparent"
        )
        row = (await session.execute(statement)).first()
        if row is None:
            return False
        await session.execute(
            text("UPDATE letter_requests SET encrypted_subject = NULL WHERE id = :id"), {"id": row.id}
        )
        subject = wired.keys.decrypt("hmac", row.encrypted_subject, str(row.id)).decode()
        with telemetry.because(row.traceparent, f"decide a letter of {row.purpose}", telemetry.CONSUMER):
            if row.purpose == "registration":
                await _confirm_again(session, UUID(subject), wired)
            else:
                await _recover(session, subject, wired)
        return True


async def _confirm_again(session: AsyncSession, user_id: UUID, wired: Wired) -> None:
    user = await session.get(User, user_id, with_for_update=True)
    if user is not None and user.email is not None and user.email_confirmed_at is None:
        purpose: ConfirmationPurpose = "registration" if user.status == "awaiting_email" else "migration"
        await _confirmation_letter(session, user, user.email, purpose, wired)


async def _recover(session: AsyncSession, login_or_email: str, wired: Wired) -> None:
    """One letter per user, by login or by address; somebody unconfirmed gets the confirmation again."""
    email = canonical_email(login_or_email) if "@" in login_or_email else None
    values = {"key": rules.login_key(login_or_email.strip()), "email": email, "most": BY_ADDRESS_MOST}
    # All rows are locked before the first letter is counted: whoever holds one of them may be about to count, too.
    here = text(
        "SELECT id FROM users WHERE email IS NOT NULL AND (login_key = :key OR lower(email) = lower(:email))"
        " ORDER BY id LIMIT :most FOR UPDATE"
    )
    found = list((await session.execute(here, values)).scalars())
    in_old_portal = text(
        "SELECT id, account_number, email FROM legacy_users"
        " WHERE email IS NOT NULL AND (account_number = :key OR lower(email) = lower(:email))"
        " ORDER BY id LIMIT :most FOR UPDATE"
    )
    old = (await session.execute(in_old_portal, values | {"most": BY_ADDRESS_MOST - len(found)})).all()
    for user_id in found:
        user = await session.get_one(User, user_id)
        if user.status == "awaiting_email" and user.email is not None:
            await confirm_email(session, user, user.email, "registration", wired)
        elif user.status == "active" and user.email is not None and user.email_confirmed_at is not None:
            await _recover_one(session, Reader(user.id, user.login, user.email, user.locale), wired)
    for row in old:
        await _recover_one(session, Reader(row.id, row.account_number, row.email, "ru"), wired)


async def _recover_one(session: AsyncSession, reader: Reader, wired: Wired) -> None:
    sent = text(
        "SELECT count(*) FROM one_time_tokens WHERE user_id = :id AND purpose = 'recovery'"
        " AND created_at > now() - interval '1 hour'"
    )
    if (await session.scalar(sent, {"id": reader.id}) or 0) < wired.settings.recovery_letters_per_hour:
        await recovery_letter(session, reader, wired)


async def recovery_letter(session: AsyncSession, reader: Reader, wired: Wired) -> None:
    """The letter with the link that sets a new password; the caller holds the reader's row and has counted."""
    token, expires_at = await tokens.make(session, "recovery", reader.id, wired.settings.recovery_minutes, wired)
    event = PasswordRecoveryRequested(user_id=reader.id, expires_at=expires_at, locale=as_locale(reader.locale))
    publish(session, event, sealed=PasswordRecoverySecrets(email=reader.email, login=reader.login, token=token))


async def _other_logins(session: AsyncSession, user_id: UUID, address: str) -> list[str]:
    """Who has the same address, confirmed: told only inside the letter to that address."""
    statement = text(
        "SELECT login FROM users WHERE lower(email) = lower(:email) AND id <> :id AND email_confirmed_at IS NOT NULL"
        f" ORDER BY created_at LIMIT {BY_ADDRESS_MOST}"
    )
    return list((await session.execute(statement, {"email": address, "id": user_id})).scalars())


async def _store(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> None:
    request_id = uuid7()
    session.add(
        LetterRequest(
            id=request_id,
            purpose=purpose,
            subject_hmac=_subject(purpose, subject, wired),
            encrypted_subject=wired.keys.encrypt("hmac", subject.encode(errors="replace"), str(request_id)),
            locale=context.locale.get(),
            traceparent=telemetry.current(),
        )
    )


async def _count(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> None:
    """A letter that nobody asked for by itself counts as one that was."""
    statement = text(
        "INSERT INTO letter_requests (id, purpose, subject_hmac, locale, decided_at)"
        " VALUES (:id, :purpose, :subject, :locale, now())"
    )
    values = {"purpose": purpose, "subject": _subject(purpose, subject, wired), "locale": context.locale.get()}
    await session.execute(statement, {"id": uuid7(), **values})


async def _over_budget(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> bool:
    return len(await _ages(session, purpose, subject, wired)) >= wired.settings.letters_per_day


async def _wait(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> int:
    settings = wired.settings
    ages = await _ages(session, purpose, subject, wired)
    return seconds_until_next(ages, settings.letter_again_seconds, settings.letters_per_day)


async def _ages(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> list[float]:
    """Of the day's letters for the subject, counted by one request at a time."""
    subject_hmac = _subject(purpose, subject, wired)
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:subject, 1))")
    await session.execute(lock, {"subject": subject_hmac.hex()})
    statement = text(
        "SELECT extract(epoch FROM clock_timestamp() - created_at)::float FROM letter_requests"
        " WHERE subject_hmac = :subject AND created_at > clock_timestamp() - interval '1 day'"
    )
    return list((await session.execute(statement, {"subject": subject_hmac})).scalars())


def _subject(purpose: str, subject: str, wired: Wired) -> bytes:
    return wired.keys.hmac("letter", purpose, subject)
