"""What the retailer's billing system says, on `billing.events`, keyed by the account number; it is not ours."""

from datetime import date

from shared.events import Event


class BillingEvent(Event):
    topic = "billing.events"
    keyed_by = "account_number"

    account_number: str


class AccountOpened(BillingEvent):
    type = "billing.account_opened.v1"

    address: str
    opened_on: date


class AccountClosed(BillingEvent):
    type = "billing.account_closed.v1"

    closed_on: date


class PaymentPosted(BillingEvent):
    type = "billing.payment_posted.v1"

    payment_id: str
    amount: str
    """Roubles with two decimals, `"1234.00"`."""
    paid_on: date
    service: str


class PaymentReversed(BillingEvent):
    """Valid also before its payment."""

    type = "billing.payment_reversed.v1"

    payment_id: str
    reversed_on: date
