"""Making notifications: what each event of the house has to be told, to whom, and until when."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notifier import contacts, rules
from notifier.rules import Channel, Kind, Status
from shared.contacts import mask_email, mask_phone
from shared.contracts import billing_link, identity, verification
from shared.events import Event, Malformed
from shared.keys import PrivateKeys
from shared.sealed import open_sealed
from shared.telemetry import current

_WRITE = text("""
    INSERT INTO notifications (id, event_id, user_id, kind, channel, locale, rank, status, address, masked_address,
                               sealed, details, expires_at, traceparent, tries, handings)
    VALUES (:id, :event_id, :user_id, :kind, :channel, :locale, :rank, :status, :address, :masked_address,
            :sealed, CAST(:details AS jsonb), :expires_at, :traceparent, 0, 0)
    ON CONFLICT DO NOTHING  -- the same event again tells nothing new
    RETURNING id
""")


Secrets = TypeVar("Secrets", bound=BaseModel)


@dataclass(frozen=True)
class Bells:
    """Wake the delivery of a channel in this process; elsewhere its sweep finds the row within a second."""

    email: asyncio.Event = field(default_factory=asyncio.Event)
    sms: asyncio.Event = field(default_factory=asyncio.Event)

    def ring_after_commit(self, session: AsyncSession) -> None:
        """Once per transaction, however much it tells; nothing rings where it is rolled back."""
        if not session.info.get("bells"):
            session.info["bells"] = True
            sqlalchemy_event.listen(session.sync_session, "after_commit", self._ring, once=True)

    def ring(self) -> None:
        self.email.set()
        self.sms.set()

    def _ring(self, _session: object) -> None:
        self.ring()


@dataclass(frozen=True)
class Desk:
    """What reactions need: the key that opens what is sealed, and the bells."""

    private_keys: PrivateKeys
    bells: Bells


@dataclass(frozen=True)
class News:
    """What is to be told because of an event. Where `masked_address` is None, the user's contacts say where."""

    event: Event
    kind: Kind
    expires_at: datetime
    user_id: UUID | None = None
    channel: Channel = "email"
    details: dict[str, Any] = field(default_factory=dict)
    locale: str | None = None
    address: str | None = None
    masked_address: str | None = None
    sealed: str | None = None


async def tell(session: AsyncSession, news: News, bells: Bells) -> UUID | None:
    """Write the notification, queued, or waiting where its reader's address is not known yet; None if it was there.

    News about an erased user is nobody's.
    """
    if news.user_id is not None and not await contacts.hold_reader(session, news.user_id, alone=False):
        return None
    status = Status.QUEUED
    if news.masked_address is None and news.user_id is not None:
        news = _addressed(news, await contacts.find(session, news.user_id))
        status = Status.QUEUED if news.address else Status.WAITING
    told = {name: getattr(news, name) for name in _COLUMNS}
    made = {"id": uuid7(), "event_id": news.event.id, "rank": rules.rank(news.kind), "status": status}
    made["traceparent"] = current()
    written: UUID | None = await session.scalar(_WRITE, {**told, **made, "details": json.dumps(news.details)})
    bells.ring_after_commit(session)
    return written


_COLUMNS = ("user_id", "kind", "channel", "locale", "address", "masked_address", "sealed", "expires_at")


def _addressed(news: News, reader: contacts.Reachable | None) -> News:
    """The news with what the contacts say of its reader, as far as they say it."""
    if reader is None:
        return news
    address = reader.address(news.channel)
    mask = masked(news.channel, address) if address else None
    return replace(news, address=address, masked_address=mask, locale=news.locale or reader.locale)


def masked(channel: Channel, address: str) -> str:
    """Nothing of an address that is none: what it holds may drive the terminal that lists it."""
    if not rules.one_line(address):
        return "•••"
    return mask_email(address) if channel == "email" else mask_phone(address)


def opened(event: Event, secrets: type[Secrets], desk: Desk) -> Secrets:
    """What is sealed into the event. Opened here only to know where it goes and that it can be told at all."""
    found = open_sealed(event, secrets, desk.private_keys)
    tokens = [getattr(found, name, None) for name in ("token", "reversal_token")]
    if not all(token is None or rules.is_token(token) for token in tokens):
        raise Malformed("a token with signs that no token has")
    code = getattr(found, "code", None)
    if code is not None and not rules.is_code(code):
        raise Malformed("a code with signs other than digits")
    logins = [getattr(found, "login", ""), *getattr(found, "other_logins", ())]
    if not all(rules.one_line(login) for login in logins):
        raise Malformed("a login of more than one line")
    return found


async def code_requested(session: AsyncSession, event: verification.CodeRequested, desk: Desk) -> None:
    secrets = opened(event, verification.CodeSecrets, desk)
    kind = Kind.REGISTRATION_CODE if event.purpose == "registration" else Kind.PHONE_CHANGE_CODE
    await tell(session, _sealed_to(event, kind, event.expires_at, "sms", secrets.phone), desk.bells)


async def email_confirmation_requested(
    session: AsyncSession, event: identity.EmailConfirmationRequested, desk: Desk
) -> None:
    secrets = opened(event, identity.EmailConfirmationSecrets, desk)
    details = {"purpose": event.purpose, **_life(event.time, event.expires_at)}
    await tell(session, _by_letter(event, Kind.EMAIL_CONFIRMATION, secrets.email, details), desk.bells)


async def password_recovery_requested(
    session: AsyncSession, event: identity.PasswordRecoveryRequested, desk: Desk
) -> None:
    secrets = opened(event, identity.PasswordRecoverySecrets, desk)
    details = _life(event.time, event.expires_at)
    await tell(session, _by_letter(event, Kind.PASSWORD_RECOVERY, secrets.email, details), desk.bells)


Asked = identity.EmailConfirmationRequested | identity.PasswordRecoveryRequested


def _by_letter(event: Asked, kind: Kind, to: str, details: dict[str, str]) -> News:
    return _sealed_to(event, kind, event.expires_at, "email", to, event.user_id, details)


Localised = Asked | identity.ContactChanged | verification.CodeRequested


def _sealed_to(
    event: Localised,
    kind: Kind,
    expires_at: datetime,
    channel: Channel,
    to: str,
    user_id: UUID | None = None,
    details: dict[str, str] | None = None,
) -> News:
    """News whose reader is named in the sealed part; only the mask of the address stands outside it."""
    return News(
        event=event,
        kind=kind,
        expires_at=expires_at,
        user_id=user_id,
        channel=channel,
        details=details or {},
        locale=event.locale,
        masked_address=masked(channel, to),
        sealed=event.sealed,
    )


def _life(asked_at: datetime, expires_at: datetime) -> dict[str, str]:
    return {"asked_at": asked_at.isoformat(), "expires_at": expires_at.isoformat()}


async def password_changed(session: AsyncSession, event: identity.PasswordChanged, desk: Desk) -> None:
    news = _notice(event, Kind.PASSWORD_CHANGED, event.user_id, {"at": event.time.isoformat()})
    await tell(session, news, desk.bells)


async def session_started(session: AsyncSession, event: identity.SessionStarted, desk: Desk) -> None:
    if event.known_device:
        return
    opened(event, identity.SessionOrigin, desk)
    news = _notice(event, Kind.NEW_SIGN_IN, event.user_id, {"at": event.time.isoformat()}, sealed=event.sealed)
    await tell(session, news, desk.bells)


def _notice(event: Event, kind: Kind, user_id: UUID, details: dict[str, Any], sealed: str | None = None) -> News:
    return News(event, kind, event.time + rules.NOTICE_LIFE, user_id=user_id, details=details, sealed=sealed)


async def contact_changed(session: AsyncSession, event: identity.ContactChanged, desk: Desk) -> None:
    """The change takes effect for us too, and whoever held the old contact is told."""
    changed = opened(event, identity.ChangedContacts, desk) if event.what != "locale" else identity.ChangedContacts()
    sets = frozenset({event.what}) & {"email", "phone"}
    await contacts.keep(
        session, event.user_id, event.id, event.locale, email=changed.email, phone=changed.phone, sets=sets
    )
    desk.bells.ring_after_commit(session)
    if event.what == "phone":
        await tell(session, _notice(event, Kind.PHONE_CHANGED, event.user_id, {}, sealed=event.sealed), desk.bells)
    if (news := _to_previous(event, changed)) is not None:
        await tell(session, news, desk.bells)


def _to_previous(event: identity.ContactChanged, changed: identity.ChangedContacts) -> News | None:
    """To the old address with a link back, to the old phone with a number to call; nothing where there was none."""
    if changed.previous is None:
        return None
    if event.what == "email" and changed.reversal_token:
        until = event.time + rules.REVERSAL_LIFE
        return _sealed_to(event, Kind.EMAIL_CHANGED, until, "email", changed.previous, event.user_id)
    if event.what == "phone":
        until = event.time + rules.NOTICE_LIFE
        return _sealed_to(event, Kind.PHONE_CHANGED, until, "sms", changed.previous, event.user_id)
    return None


async def user_known(session: AsyncSession, event: identity.UserRegistered | identity.UserStated, desk: Desk) -> None:
    """Keep where the user can be reached; nothing is sent because of it but what waited for it."""
    known = opened(event, identity.RegisteredContacts, desk)
    if await contacts.keep(session, event.user_id, event.id, event.locale, email=known.email, phone=known.phone):
        desk.bells.ring_after_commit(session)


async def account_linked(session: AsyncSession, event: billing_link.AccountLinked, desk: Desk) -> None:
    ending = rules.account_ending(event.account_number)
    await tell(session, _notice(event, Kind.ACCOUNT_LINKED, event.user_id, {"ending": ending}), desk.bells)
    details = {"ending": ending, "origin": event.origin, "linked_at": event.linked_at.isoformat()}
    for holder in sorted(set(event.other_holders) - {event.user_id}):
        await tell(session, _notice(event, Kind.ACCOUNT_LINKED_BY_ANOTHER, holder, details), desk.bells)


async def link_refused(session: AsyncSession, event: billing_link.LinkRefused, desk: Desk) -> None:
    if event.time - event.requested_at > rules.SLOW_DECISION:
        news = _notice(event, Kind.LINK_REFUSED, event.user_id, {"refusal": event.refusal})
        await tell(session, news, desk.bells)


async def account_unlinked(session: AsyncSession, event: billing_link.AccountUnlinked, desk: Desk) -> None:
    if event.reason == "erased":
        return  # the farewell says it all
    details = {"ending": rules.account_ending(event.account_number), "reason": event.reason}
    await tell(session, _notice(event, Kind.ACCOUNT_UNLINKED, event.user_id, details), desk.bells)
