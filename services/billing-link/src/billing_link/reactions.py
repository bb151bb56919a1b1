"""What billing-link does about the events that it hears."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from billing_link import billing_facts, erasing, linking, settling
from billing_link.wired import Wired
from shared.bearer import sessions_ended
from shared.contracts.billing import AccountClosed, AccountOpened, PaymentPosted, PaymentReversed
from shared.contracts.billing_link import LinkRequested
from shared.contracts.identity import LegacyUserMigrated, SessionsEnded, UserErased
from shared.inbox import Heard


async def on_links_requested(session: AsyncSession, events: Sequence[LinkRequested], wired: Wired) -> None:
    await linking.decide_requests(session, events, wired.settings)


async def on_legacy_users_migrated(session: AsyncSession, events: Sequence[LegacyUserMigrated], wired: Wired) -> None:
    await settling.link_by_old_credentials(session, events, wired.zone)


async def on_user_erased(session: AsyncSession, event: UserErased, _wired: Wired) -> None:
    await erasing.erase_user(session, event.user_id)


async def on_accounts_opened(session: AsyncSession, events: Sequence[AccountOpened], wired: Wired) -> None:
    await settling.take_contracts(session, events, wired.zone)


async def on_accounts_closed(session: AsyncSession, events: Sequence[AccountClosed], _wired: Wired) -> None:
    await billing_facts.add_closings(session, events)


async def on_payments_posted(session: AsyncSession, events: Sequence[PaymentPosted], _wired: Wired) -> None:
    await billing_facts.add_payments(session, events)


async def on_payments_reversed(session: AsyncSession, events: Sequence[PaymentReversed], _wired: Wired) -> None:
    await billing_facts.add_reversals(session, events)


HEARD = (
    Heard(LinkRequested, on_links_requested, batch=True),
    Heard(LegacyUserMigrated, on_legacy_users_migrated, batch=True),
    Heard(UserErased, on_user_erased, discards_letters=True),
    Heard(SessionsEnded, sessions_ended),
    # Copies keyed by the fact's own id: a repeat changes nothing by itself.
    Heard(AccountOpened, on_accounts_opened, inbox=False, batch=True),
    Heard(AccountClosed, on_accounts_closed, inbox=False, batch=True),
    Heard(PaymentPosted, on_payments_posted, inbox=False, batch=True),
    Heard(PaymentReversed, on_payments_reversed, inbox=False, batch=True),
)
