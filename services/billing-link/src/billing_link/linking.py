"""Linking by an amount: somebody asks, the worker decides, once."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, func, select
from uuid_utils.compat import uuid7

from billing_link import attempts, gauges, guessing, locks, rules
from billing_link.billing_facts import contracts_of, payments_of
from billing_link.holders import objected_on
from billing_link.links import links_of_user, make_link
from billing_link.rules import TRY_LATER, AlreadyLinked, Decision, LinkPending, TooManyAccounts
from billing_link.settings import BillingLinkSettings
from billing_link.tables import ErasedHolder, LinkRequest
from shared.contracts.billing_link import LinkRefused, LinkRequested
from shared.database import after_commit
from shared.inbox import each
from shared.outbox import publish
from shared.problems import NotAuthenticated, NotFound

_DECIDE = text("""
    UPDATE link_requests SET status = :status, refusal = :refusal, decided_at = now(), kopecks = NULL
    WHERE id = :id AND status = 'pending'
    RETURNING extract(epoch FROM now() - created_at)
""")


async def request_link(
    session: AsyncSession,
    user_id: UUID,
    number: str,
    kopecks: int,
    address_key: str,
    settings: BillingLinkSettings,
) -> LinkRequest:
    """Ask for an account. What is known of it is not looked at: the answer is the same whether or not it exists.

    Raises `AlreadyLinked`, `LinkPending`, `TooManyAccounts`, `TooManyAttempts` and `LinkingUnavailable`.
    """
    await locks.hold_user(session, user_id)
    if await session.get(ErasedHolder, user_id) is not None:
        raise NotAuthenticated  # the access token outlives its user by minutes
    await locks.hold_accounts(session, [number])
    await _refuse_a_second(session, user_id, number, settings.accounts_per_user)
    request = LinkRequest(id=uuid7(), user_id=user_id, account_number=number, kopecks=kopecks)
    limits = attempts.limits_for(settings, user_id, number, address_key)
    request.account_spent = not await attempts.charge(session, request.id, limits)
    session.add(request)
    await session.flush()
    publish(session, LinkRequested(request_id=request.id, user_id=user_id, account_number=number))
    return request


async def _refuse_a_second(session: AsyncSession, user_id: UUID, number: str, most: int) -> None:
    held = {link.account_number for link in await links_of_user(session, user_id)}
    if number in held:
        raise AlreadyLinked
    pending = {request.account_number: request.id for request in await _pending_of(session, user_id)}
    if number in pending:
        raise LinkPending(headers={"Location": f"/v1/link-requests/{pending[number]}"})
    if len(held) + len(pending) >= most:
        raise TooManyAccounts


async def _pending_of(session: AsyncSession, user_id: UUID) -> Sequence[LinkRequest]:
    statement = select(LinkRequest).where(col(LinkRequest.user_id) == user_id, col(LinkRequest.status) == "pending")
    return (await session.execute(statement)).scalars().all()


async def decide_requests(session: AsyncSession, asked: Sequence[LinkRequested], settings: BillingLinkSettings) -> None:
    """Decide each request that is still pending; one that is decided or erased already is passed over."""
    await locks.hold_accounts(session, {event.account_number for event in asked})
    await locks.read_facts(session)
    now = await session.scalar(text("SELECT now()"))
    for event in asked:
        with each(event):
            request = await _still_pending(session, event.request_id)
            if request is None:
                continue
            given_up = now - request.created_at > rules.UNDECIDED_FOR
            decision = TRY_LATER if given_up else await _judged(session, request, settings)
            await _carry_out(session, request, decision)


async def _still_pending(session: AsyncSession, request_id: UUID) -> LinkRequest | None:
    statement = (
        select(LinkRequest)
        .where(col(LinkRequest.id) == request_id, col(LinkRequest.status) == "pending")
        .where(~select(ErasedHolder).where(col(ErasedHolder.user_id) == LinkRequest.user_id).exists())
        .with_for_update(of=LinkRequest)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def _judged(session: AsyncSession, request: LinkRequest, settings: BillingLinkSettings) -> Decision:
    """The decision as of the day of the request. Everything is looked up in every case, so that time tells nothing."""
    assert request.created_at is not None
    assert request.kopecks is not None
    today = rules.day_of(request.created_at, settings.time_zone)
    number = request.account_number
    contract = (await contracts_of(session, [number])).get(number)
    since = rules.months_before(today, rules.WINDOW_MONTHS)
    payments = await payments_of(session, number, since, until=today)
    decision = rules.decide(payments, contract, request.kopecks, today)
    barred = rules.barred(await objected_on(session, request.user_id, number), contract)
    too_frequent = await guessing.is_too_frequent(session, request.kopecks, settings.refuse_amounts_above)
    return rules.NOT_CONFIRMED if request.account_spent or barred or too_frequent else decision


async def _carry_out(session: AsyncSession, request: LinkRequest, decision: Decision) -> None:
    """Write the decision, erase the amount and say what came of it; only whoever finds the request pending does."""
    status = "linked" if decision.refusal is None else "refused"
    change = {"id": request.id, "status": status, "refusal": decision.refusal}
    waited = await session.scalar(_DECIDE, change)
    if waited is None:
        return
    after_commit(session, gauges.decisions.labels(decision.refusal or "linked").inc)
    after_commit(session, partial(gauges.decision_seconds.observe, float(waited)))
    if decision.refusal != "not-confirmed":
        await attempts.give_back(session, request.id)
    if decision.evidence_on is not None:
        await make_link(session, request.user_id, request.account_number, "amount", decision.evidence_on, request.id)
    elif decision.refusal is not None:
        assert request.created_at is not None
        publish(
            session,
            LinkRefused(
                request_id=request.id,
                user_id=request.user_id,
                account_number=request.account_number,
                refusal=decision.refusal,
                requested_at=request.created_at,
            ),
        )


async def give_up_undecided(session: AsyncSession, batch: int = 100) -> int:
    """Refuse with `try-later` what nobody could decide for so long; how many there were."""
    statement = (
        select(LinkRequest)
        .where(col(LinkRequest.status) == "pending")
        .where(col(LinkRequest.created_at) < func.now() - timedelta(seconds=rules.UNDECIDED_FOR.total_seconds()))
        .limit(batch)
    )
    stale = (await session.execute(statement)).scalars().all()
    await locks.hold_accounts(session, {request.account_number for request in stale})
    for request in stale:
        await _carry_out(session, request, TRY_LATER)
    return len(stale)


async def own_request(session: AsyncSession, user_id: UUID, request_id: UUID) -> LinkRequest:
    """The caller's request; somebody else's is as good as none: `NotFound`."""
    statement = select(LinkRequest).where(col(LinkRequest.id) == request_id, col(LinkRequest.user_id) == user_id)
    found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


async def own_requests(
    session: AsyncSession, user_id: UUID, limit: int, before: UUID | None = None
) -> Sequence[LinkRequest]:
    """The caller's requests, newest first, those made before `before`; at most `limit`."""
    statement = select(LinkRequest).where(col(LinkRequest.user_id) == user_id)
    if before is not None:
        statement = statement.where(col(LinkRequest.id) < before)
    return (await session.execute(statement.order_by(col(LinkRequest.id).desc()).limit(limit))).scalars().all()
