"""Letters: confirmation and recovery. Who asks gets one answer whoever exists; the worker looks up and decides."""

import asyncio
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from identity import rules, tokens
from identity.tables import LetterRequest, User
from identity.wired import Wired
from shared import context
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
_log = logger(__name__)


async def confirm_email(session: AsyncSession, user: User, purpose: str, wired: Wired) -> None:
    """The letter with the link that confirms the user's address, unless the address got its letters for today."""
    assert user.email is not None
    if await _over_budget(session, "address", user.email.lower(), wired):
        _log.info("confirmation_letter_withheld", user_id=str(user.id))
        return
    await _count(session, "address", user.email.lower(), wired)
    await _count(session, "registration", str(user.id), wired)
    token, expires_at = await tokens.make(
        session, purpose, user.id, wired.settings.confirmation_hours * 60, wired, user.email
    )
    secrets = EmailConfirmationSecrets(
        email=user.email, login=user.login, token=token, other_logins=await _other_logins(session, user)
    )
    event = EmailConfirmationRequested(
        user_id=user.id,
        purpose="migration" if purpose == "migration" else "registration",
        expires_at=expires_at,
        locale=as_locale(user.locale),
    )
    publish(session, event, sealed=secrets)


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
            " RETURNING id, purpose, encrypted_subject"
        )
        row = (await session.execute(statement)).first()
        if row is None:
            return False
        await session.execute(
            text("UPDATE letter_requests SET encrypted_subject = NULL WHERE id = :id"), {"id": row.id}
        )
        subject = wired.keys.decrypt("hmac", row.encrypted_subject, str(row.id)).decode()
        if row.purpose == "registration":
            user = await session.get(User, UUID(subject))
            if user is not None and user.email is not None and user.email_confirmed_at is None:
                purpose = "registration" if user.status == "awaiting_email" else "migration"
                await confirm_email(session, user, purpose, wired)
        else:
            await _recover(session, subject, wired)
        return True


async def _recover(session: AsyncSession, login_or_email: str, wired: Wired) -> None:
    """One letter per user, by login or by address; somebody unconfirmed gets the confirmation again."""
    email = canonical_email(login_or_email) if "@" in login_or_email else None
    key = rules.login_key(login_or_email.strip())
    statement = text(
        "SELECT id, login, email, locale, status, email_confirmed_at IS NOT NULL AS reachable FROM users"
        " WHERE email IS NOT NULL AND (login_key = :key OR lower(email) = lower(:email))"
        " UNION ALL SELECT id, account_number, email, 'ru', 'legacy', true FROM legacy_users"
        " WHERE email IS NOT NULL AND (account_number = :key OR lower(email) = lower(:email))"
        f" LIMIT {BY_ADDRESS_MOST}"
    )
    for row in (await session.execute(statement, {"key": key, "email": email})).all():
        if row.status == "awaiting_email":
            user = await session.get(User, row.id)
            assert user is not None
            await confirm_email(session, user, "registration", wired)
        elif row.reachable and row.status != "blocked":
            await _recovery_letter(session, row.id, row.login, row.email, row.locale, wired)


async def _recovery_letter(
    session: AsyncSession, user_id: UUID, login: str, email: str, locale: str, wired: Wired
) -> None:
    await session.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user_id})
    sent = text(
        "SELECT count(*) FROM one_time_tokens WHERE user_id = :id AND purpose = 'recovery'"
        " AND created_at > now() - interval '1 hour'"
    )
    if (await session.scalar(sent, {"id": user_id}) or 0) >= wired.settings.recovery_letters_per_hour:
        return
    token, expires_at = await tokens.make(session, "recovery", user_id, wired.settings.recovery_minutes, wired)
    event = PasswordRecoveryRequested(user_id=user_id, expires_at=expires_at, locale=as_locale(locale))
    publish(session, event, sealed=PasswordRecoverySecrets(email=email, login=login, token=token))


async def _other_logins(session: AsyncSession, user: User) -> list[str]:
    """Who has the same address, confirmed: told only inside the letter to that address."""
    statement = text(
        "SELECT login FROM users WHERE lower(email) = lower(:email) AND id <> :id AND email_confirmed_at IS NOT NULL"
        f" ORDER BY created_at LIMIT {BY_ADDRESS_MOST}"
    )
    return list((await session.execute(statement, {"email": user.email, "id": user.id})).scalars())


async def _store(session: AsyncSession, purpose: str, subject: str, wired: Wired) -> None:
    request_id = uuid7()
    session.add(
        LetterRequest(
            id=request_id,
            purpose=purpose,
            subject_hmac=_subject(purpose, subject, wired),
            encrypted_subject=wired.keys.encrypt("hmac", subject.encode(errors="replace"), str(request_id)),
            locale=context.locale.get(),
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
