"""What the retailer's billing system says, on `billing.events`, keyed by the account number; it is not ours."""

from datetime import date

from shared.events import Event


class BillingEvent(Event):
    topic = "billing.events"
    keyed_by = "account_number"

    account_number: str
    """5–14 ASCII digits; leading zeros count."""


class AccountOpened(BillingEvent):
    """A contract of the account began. A later one ends every link of the contract before it."""

    type = "billing.account_opened.v1"

    address: str
    """Where the electricity is used, as its holders are shown it."""
    opened_on: date


class AccountClosed(BillingEvent):
    """The account's contract ended. Its links stay listed, new ones are refused."""

    type = "billing.account_closed.v1"

    closed_on: date


class PaymentPosted(BillingEvent):
    """A payment was booked on the account."""

    type = "billing.payment_posted.v1"

    payment_id: str
    """Unique over all payments of the billing system."""
    amount: str
    """Roubles with two decimals, `"1234.00"`."""
    paid_on: date
    """The day on which it was paid, not the day on which it was booked."""
    service: str
    """What was paid for; `electricity` alone confirms a link."""


class PaymentReversed(BillingEvent):
    """A payment was taken back and confirms nothing any more. Valid also before its payment."""

    type = "billing.payment_reversed.v1"

    payment_id: str
    reversed_on: date
