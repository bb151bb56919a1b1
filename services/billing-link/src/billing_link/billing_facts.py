"""What billing told: contracts and payments, kept so that late, doubled and reordered facts end in the same state."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import rules
from billing_link.rules import Contract, Payment
from shared.contracts.billing import AccountClosed, AccountOpened, PaymentPosted, PaymentReversed
from shared.events import Malformed
from shared.refusals import Refusal

_OPEN = text("""
    INSERT INTO contracts (account_number, opened_on, address, address_as_of)
    SELECT DISTINCT ON (1, 2) * FROM unnest(
        CAST(:numbers AS text[]), CAST(:opened AS date[]), CAST(:addresses AS text[]), CAST(:times AS timestamptz[])
    ) AS told (account_number, opened_on, address, as_of)
    ORDER BY 1, 2, 4 DESC
    ON CONFLICT (account_number, opened_on) DO UPDATE
        SET address = excluded.address, address_as_of = excluded.address_as_of
        WHERE contracts.address_as_of < excluded.address_as_of
""")
_CLOSE = text("""
    INSERT INTO closings (account_number, closed_on)
    SELECT DISTINCT * FROM unnest(CAST(:numbers AS text[]), CAST(:closed AS date[])) ORDER BY 1, 2
    ON CONFLICT DO NOTHING
""")
_POST = text("""
    INSERT INTO payments (payment_id, account_number, kopecks, paid_on, service, as_of)
    SELECT DISTINCT ON (1) * FROM unnest(
        CAST(:ids AS text[]), CAST(:numbers AS text[]), CAST(:kopecks AS bigint[]), CAST(:paid AS date[]),
        CAST(:services AS text[]), CAST(:times AS timestamptz[])
    ) AS told (payment_id, account_number, kopecks, paid_on, service, as_of)
    ORDER BY 1, 6 DESC
    ON CONFLICT (payment_id) DO UPDATE
        SET account_number = excluded.account_number, kopecks = excluded.kopecks, paid_on = excluded.paid_on,
            service = excluded.service, as_of = excluded.as_of
        WHERE payments.as_of IS NULL OR payments.as_of < excluded.as_of
""")
# The earliest day that was told: so the order in which two tellings come makes no difference.
_REVERSE = text("""
    INSERT INTO payments (payment_id, account_number, reversed_on)
    SELECT DISTINCT ON (1) * FROM unnest(CAST(:ids AS text[]), CAST(:numbers AS text[]), CAST(:reversed AS date[]))
        AS told (payment_id, account_number, reversed_on)
    ORDER BY 1, 3
    ON CONFLICT (payment_id) DO UPDATE SET reversed_on = least(payments.reversed_on, excluded.reversed_on)
        WHERE payments.reversed_on IS NULL OR payments.reversed_on > excluded.reversed_on
""")


async def add_contracts(session: AsyncSession, told: Sequence[AccountOpened]) -> set[str]:
    """Keep them, the newest address of each; the accounts that they are of, which the caller settles."""
    numbers = [_number(fact.account_number) for fact in told]
    columns = {
        "numbers": numbers,
        "opened": [fact.opened_on for fact in told],
        "addresses": [fact.address for fact in told],
        "times": [fact.time for fact in told],
    }
    await session.execute(_OPEN, columns)
    return set(numbers)


async def add_closings(session: AsyncSession, told: Sequence[AccountClosed]) -> None:
    columns = {"numbers": [_number(fact.account_number) for fact in told], "closed": [fact.closed_on for fact in told]}
    await session.execute(_CLOSE, columns)


async def add_payments(session: AsyncSession, told: Sequence[PaymentPosted]) -> None:
    columns = {
        "ids": [fact.payment_id for fact in told],
        "numbers": [_number(fact.account_number) for fact in told],
        "kopecks": [_kopecks(fact.amount) for fact in told],
        "paid": [fact.paid_on for fact in told],
        "services": [fact.service for fact in told],
        "times": [fact.time for fact in told],
    }
    await session.execute(_POST, columns)


async def add_reversals(session: AsyncSession, told: Sequence[PaymentReversed]) -> None:
    """Also before the payment came: the row waits for its amount and confirms nothing."""
    columns = {
        "ids": [fact.payment_id for fact in told],
        "numbers": [_number(fact.account_number) for fact in told],
        "reversed": [fact.reversed_on for fact in told],
    }
    await session.execute(_REVERSE, columns)


def _number(told: str) -> str:
    try:
        return rules.account_number(told)
    except Refusal as refusal:
        raise Malformed(f"account_number: {refusal.code}") from None


def _kopecks(told: str) -> int:
    try:
        return rules.booked_kopecks(told)
    except ValueError as problem:
        raise Malformed(f"amount: {problem}") from None


async def contracts_of(session: AsyncSession, numbers: Collection[str]) -> dict[str, Contract]:
    """The latest contract of each account that billing told of."""
    wanted = {"numbers": list(numbers)}
    opened, ended = defaultdict(list), defaultdict(list)
    for number, opened_on, closed_on, address in await session.execute(_CONTRACTS, wanted):
        opened[number].append(Contract(opened_on, closed_on, address))
    for number, closed_on in await session.execute(_CLOSINGS, wanted):
        ended[number].append(closed_on)
    found = {number: rules.latest_contract(contracts, ended[number]) for number, contracts in opened.items()}
    return {number: contract for number, contract in found.items() if contract is not None}


_CONTRACTS = text(
    "SELECT account_number, opened_on, closed_on, address FROM contracts"
    " WHERE account_number = ANY(CAST(:numbers AS text[]))"
)
_CLOSINGS = text("SELECT account_number, closed_on FROM closings WHERE account_number = ANY(CAST(:numbers AS text[]))")


async def payments_of(session: AsyncSession, number: str, since: date, until: date) -> list[Payment]:
    """Every payment booked on the account in these days, whatever its service and fate; the rules choose."""
    statement = text(
        "SELECT kopecks, paid_on, service, reversed_on IS NOT NULL FROM payments"
        " WHERE account_number = :number AND paid_on BETWEEN :since AND :until"
    )
    rows = await session.execute(statement, {"number": number, "since": since, "until": until})
    return [Payment(*row) for row in rows]
