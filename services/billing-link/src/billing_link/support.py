"""What support does for, or against, a hold on an account: each act with who did it and why, kept for good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select
from uuid_utils.compat import uuid7

from billing_link import locks, rules
from billing_link.billing_facts import contracts_of
from billing_link.holders import lift_objection
from billing_link.links import end_links, make_link
from billing_link.tables import ErasedHolder, Link, LinkAct
from shared.complaints import CannotGoOn
from shared.mandate import Mandate
from shared.refusals import Refusal

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ACTS = text("""
    SELECT act, done_by, reason, done_at FROM link_acts
    WHERE account_number = :number OR user_id = :user_id ORDER BY id DESC LIMIT 100
""")


@dataclass(frozen=True)
class Whose:
    """Whose links are looked at: an account's or a user's."""

    account_number: str | None = None
    user_id: UUID | None = None


def whose(typed: str) -> Whose:
    """An account's number or a user's id, as typed; `CannotGoOn` where it is neither."""
    if _UUID.fullmatch(typed.strip()):
        return Whose(user_id=UUID(typed.strip()))
    return Whose(account_number=number_of(typed))


def number_of(typed: str) -> str:
    try:
        return rules.account_number(typed)
    except Refusal:
        raise CannotGoOn("That is neither an account's number, of 5 to 14 digits, nor an id.") from None


def note(
    session: AsyncSession,
    act: str,
    mandate: Mandate,
    number: str | None = None,
    user_id: UUID | None = None,
    link_id: UUID | None = None,
) -> None:
    session.add(
        LinkAct(
            id=uuid7(),
            act=act,
            account_number=number,
            user_id=user_id,
            link_id=link_id,
            done_by=mandate.by,
            reason=mandate.reason,
        )
    )


async def look(session: AsyncSession, of: Whose, mandate: Mandate) -> Sequence[Link]:
    """Every link, ended ones too, newest first. The look is kept like any act."""
    note(session, "list", mandate, of.account_number, of.user_id)
    await session.flush()
    wanted = col(Link.account_number) == of.account_number if of.user_id is None else col(Link.user_id) == of.user_id
    statement = select(Link).where(wanted).order_by(col(Link.linked_at).desc(), col(Link.id).desc())
    return (await session.execute(statement)).scalars().all()


async def acts(session: AsyncSession, of: Whose) -> Sequence[Row[Any]]:
    """What was done before, newest first."""
    return (await session.execute(_ACTS, {"number": of.account_number, "user_id": of.user_id})).all()


async def grant(session: AsyncSession, number: str, user_id: UUID, mandate: Mandate, zone: ZoneInfo) -> UUID:
    """Link the user to the account on support's word, whatever was objected or tried; the link's id.

    Whether the user exists is identity's knowledge: support reads the id there.
    """
    await _hold(session, user_id, number)
    today = await _today_of_an_open_contract(session, number, zone)
    await lift_objection(session, user_id, number)
    link_id = await make_link(session, user_id, number, "support", evidence_on=today)
    if link_id is None:
        raise CannotGoOn("The user holds this account already.")
    note(session, "grant", mandate, number, user_id, link_id)
    return link_id


async def end(session: AsyncSession, link_id: UUID, mandate: Mandate) -> Link:
    """End a link; the user may ask for the account again."""
    link = await _found(session, link_id)
    await locks.hold_accounts(session, [link.account_number])
    await session.refresh(link)
    if link.ended_at is not None:
        raise CannotGoOn(f"The link has ended already: {link.end_reason}.")
    await end_links(session, [link], "support")
    note(session, "end", mandate, link.account_number, link.user_id, link.id)
    return link


async def restore(session: AsyncSession, link_id: UUID, mandate: Mandate, zone: ZoneInfo) -> UUID:
    """Give back a hold that ended and should not have: an objection against it falls. The id of the new link, which
    counts as support's and so cannot be objected to; the old one stays ended, as was told of it.
    """
    link = await _found(session, link_id)
    await _hold(session, link.user_id, link.account_number)
    await session.refresh(link)
    if link.ended_at is None:
        raise CannotGoOn("The link has not ended.")
    await _today_of_an_open_contract(session, link.account_number, zone)
    contracts = await contracts_of(session, [link.account_number])
    if not rules.outlives(link.evidence_on, contracts[link.account_number]):
        raise CannotGoOn("The account has a new contract since. `links grant` gives the user a hold on that.")
    await lift_objection(session, link.user_id, link.account_number)
    made = await make_link(session, link.user_id, link.account_number, "support", link.evidence_on)
    if made is None:
        raise CannotGoOn("The user holds this account already.")
    note(session, "restore", mandate, link.account_number, link.user_id, link.id)
    return made


async def _found(session: AsyncSession, link_id: UUID) -> Link:
    link = await session.get(Link, link_id)
    if link is None:
        raise CannotGoOn("There is no link of this id. `links list` of the account or the user tells the ids.")
    return link


async def _hold(session: AsyncSession, user_id: UUID, number: str) -> None:
    """The turns of the user and the account; `CannotGoOn` where the user was erased."""
    await locks.hold_user(session, user_id)
    await locks.hold_accounts(session, [number])
    await locks.read_facts(session)
    if await session.get(ErasedHolder, user_id) is not None:
        raise CannotGoOn("The user was erased.")


async def _today_of_an_open_contract(session: AsyncSession, number: str, zone: ZoneInfo) -> date:
    """Today, where the account has a contract that runs; else `CannotGoOn`."""
    today = rules.day_of(await session.scalar(text("SELECT now()")), zone)
    contract = (await contracts_of(session, [number])).get(number)
    if contract is None:
        raise CannotGoOn("Billing has told of no such account.")
    if contract.is_closed(today):
        raise CannotGoOn(f"The account was closed on {contract.closed_on}.")
    return today
