"""What billing-link says, on `billing-link.events`, keyed by the account number."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events import Event

TOPIC = "billing-link.events"
Origin = Literal["amount", "migrated", "support"]


class BillingLinkEvent(Event):
    topic = TOPIC
    keyed_by = "account_number"

    user_id: UUID
    account_number: str
    """5–14 ASCII digits; leading zeros count."""


class LinkRequested(BillingLinkEvent):
    """Somebody asked for an account by the amount of a payment. Nothing is decided yet."""

    type = "billing_link.link_requested.v1"

    request_id: UUID


class AccountLinked(BillingLinkEvent):
    """The user holds the account from now on."""

    type = "billing_link.account_linked.v1"

    link_id: UUID
    request_id: UUID | None = None
    """The request that it answers; absent where nobody asked (`migrated`, `support`)."""
    origin: Origin
    """What proved it: a payment's amount, the old portal's password, or support."""
    linked_at: datetime
    other_holders: list[UUID]
    """Users who held the account already; each is told and may object."""


class LinkRefused(BillingLinkEvent):
    """The request ended without a link. Whether the account exists is not told."""

    type = "billing_link.link_refused.v1"

    request_id: UUID
    refusal: Literal["not-confirmed", "try-later"]
    """`try-later`: nobody could decide it for 72 hours; no attempt was charged."""
    requested_at: datetime


class AccountUnlinked(BillingLinkEvent):
    """The user holds the account no longer."""

    type = "billing_link.account_unlinked.v1"

    link_id: UUID
    reason: Literal["user", "objection", "new-contract", "erased", "support"]


class LinkStated(BillingLinkEvent):
    """The link as it is now, for a reader that starts or was restored; nothing is sent because of it."""

    type = "billing_link.link_stated.v1"

    link_id: UUID
    origin: Origin
    linked_at: datetime


class UserDataErased(Event):
    """billing-link's receipt: nothing of the user is left in it."""

    type = "billing_link.user_data_erased.v1"
    topic = TOPIC
    keyed_by = "user_id"

    user_id: UUID
