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


class LinkRequested(BillingLinkEvent):
    type = "billing_link.link_requested.v1"

    request_id: UUID


class AccountLinked(BillingLinkEvent):
    type = "billing_link.account_linked.v1"

    link_id: UUID
    request_id: UUID | None = None
    origin: Origin
    linked_at: datetime
    other_holders: list[UUID]


class LinkRefused(BillingLinkEvent):
    type = "billing_link.link_refused.v1"

    request_id: UUID
    refusal: Literal["not-confirmed", "try-later"]
    requested_at: datetime


class AccountUnlinked(BillingLinkEvent):
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
    type = "billing_link.user_data_erased.v1"
    topic = TOPIC
    keyed_by = "user_id"

    user_id: UUID
