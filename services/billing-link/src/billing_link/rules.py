"""Account numbers, amounts, contracts, and what confirms a link, as plain functions."""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.languages import _
from shared.refusals import Refusal

Status = Literal["pending", "linked", "refused"]
WhyRefused = Literal["not-confirmed", "try-later"]

ELECTRICITY = "electricity"
WINDOW_MONTHS = 3
UNDECIDED_FOR = timedelta(hours=72)
"""After so long without a decision a request is given up; the contract's `try-later`."""
NIGHT = time(3)
"""When the retailer's people sleep: what looks at every payment is done then."""

# What people paste with a number: spaces of every width, and the hyphens and dashes that look alike.
_DROPPED_FROM_NUMBERS = re.compile("[\\s\u00a0\u202f\u2007\u2009\u2010-\u2015\u2212-]")
_ACCOUNT_NUMBER = re.compile(r"[0-9]{5,14}")
_TYPED_AMOUNT = re.compile(r"([0-9]{1,10})[.,]([0-9]{2})")
_WITHOUT_KOPECKS = re.compile(r"[0-9]{1,10}(?:[.,][0-9]?)?")
# A billing system leaves out zeros, groups thousands by spaces and books corrections below zero.
_BOOKED_AMOUNT = re.compile("(-?)([0-9]{1,12}|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){1,3})(?:[.,]([0-9]{1,2}))?")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_RUSSIAN_DATE = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")


class AccountNumberInvalid(Refusal):
    code = "account-number-invalid"
    detail = _("An account number has 5 to 14 digits.")
    field = "account_number"


class AmountInvalid(Refusal):
    code = "amount-invalid"
    detail = _("Write the amount in digits, for example 1234.00.")
    field = "amount"


class AmountNeedsKopecks(Refusal):
    code = "amount-needs-kopecks"
    detail = _("Add the kopecks, for example 1234.00.")
    field = "amount"


class AmountZero(Refusal):
    code = "amount-zero"
    detail = _("The payment must be above zero.")
    field = "amount"


class AliasTooLong(Refusal):
    code = "alias-too-long"
    detail = _("A name has at most 40 characters.")
    field = "alias"


class AlreadyLinked(Refusal):
    status = 409
    code = "already-linked"
    detail = _("This account is already yours.")


class LinkPending(Refusal):
    status = 409
    code = "link-pending"
    detail = _("This account is being checked already.")


class TooManyAccounts(Refusal):
    status = 409
    code = "too-many-accounts"
    detail = _("No more accounts can be added. Remove one first.")


class NotRemovable(Refusal):
    status = 403
    code = "not-removable"
    detail = _("Only somebody who came after you, by an amount and not long ago, can be removed. Support can help.")


class TooManyAttempts(Refusal):
    status = 429
    code = "too-many-attempts"
    detail = _("Too many attempts. Try again later.")


class LinkingUnavailable(Refusal):
    status = 503
    code = "linking-unavailable"
    detail = _("Accounts cannot be added just now. Try again later.")


def account_number(typed: str) -> str:
    """The number as it is kept, leading zeros included; raises `AccountNumberInvalid`. Says nothing about existence."""
    if _ACCOUNT_NUMBER.fullmatch(typed):
        return typed
    number = _DROPPED_FROM_NUMBERS.sub("", typed)
    if not _ACCOUNT_NUMBER.fullmatch(number):
        raise AccountNumberInvalid
    return number


def typed_kopecks(amount: str) -> int:
    """What a person typed, in kopecks. The fraction is mandatory: it is what makes an amount hard to guess."""
    found = _TYPED_AMOUNT.fullmatch(amount)
    if found is None:
        raise AmountNeedsKopecks if _WITHOUT_KOPECKS.fullmatch(amount) else AmountInvalid
    kopecks = int(found[1]) * 100 + int(found[2])
    if kopecks == 0:
        raise AmountZero
    return kopecks


def booked_kopecks(amount: str) -> int:
    """What a billing system wrote, in kopecks, zero and below included; raises `ValueError`."""
    found = _BOOKED_AMOUNT.fullmatch(amount)
    if found is None:
        raise ValueError("the amount is no number with at most two decimals")
    minus, roubles, fraction = found.groups()
    if not roubles.isdecimal():
        roubles = "".join(filter(str.isdecimal, roubles))
    kopecks = int(roubles + (fraction or "").ljust(2, "0"))
    return -kopecks if minus else kopecks


def booked_date(written: str) -> date:
    """`2026-11-25` or `25.11.2026`; raises `ValueError`."""
    if found := _ISO_DATE.fullmatch(written):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _RUSSIAN_DATE.fullmatch(written):
        return date(int(found[3]), int(found[2]), int(found[1]))
    raise ValueError("the date is not like 2026-11-25")


def alias(typed: str) -> str:
    """The name that a holder gives an account; empty is no name.

    Outer and repeated spaces go, and what cannot be seen: control characters (PostgreSQL refuses NUL), and marks that
    would turn the text of the page around it.
    """
    name = " ".join(_UNSEEN.sub(" ", normalize("NFC", typed)).split())
    if len(name) > 40:
        raise AliasTooLong
    return name


def months_before(day: date, months: int) -> date:
    """The same day `months` calendar months earlier, or that month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar day on which it was `moment` where the retailer is."""
    return moment.astimezone(zone).date()


def last_night(now: datetime, zone: ZoneInfo) -> datetime:
    """When it was `NIGHT` last, where the retailer is."""
    tonight = datetime.combine(day_of(now, zone), NIGHT, zone)
    return tonight if tonight <= now else datetime.combine(tonight.date() - timedelta(days=1), NIGHT, zone)


@dataclass(frozen=True)
class Payment:
    """One booked payment; a reversal is told only by whether it happened."""

    kopecks: int
    paid_on: date
    service: str = ELECTRICITY
    reversed: bool = False


@dataclass(frozen=True)
class Contract:
    """The latest contract of an account, the one that counts."""

    opened_on: date
    closed_on: date | None = None
    address: str = ""

    def is_closed(self, today: date) -> bool:
        return self.closed_on is not None and self.closed_on <= today


def latest_contract(contracts: Iterable[Contract], closings: Iterable[date]) -> Contract | None:
    """The contract opened last, with its end; None for an account that billing never told of.

    `closings` are days of which billing said only that the account was closed, not which contract. A contract often
    ends on the very day on which the next tenant's begins: that day's closing belongs to the older contract.
    """
    by_opening = sorted(contracts, key=lambda contract: contract.opened_on)
    if not by_opening:
        return None
    latest, renewed = by_opening[-1], len(by_opening) > 1
    ends = [day for day in closings if day > latest.opened_on or (day == latest.opened_on and not renewed)]
    if latest.closed_on is not None:
        ends.append(latest.closed_on)
    return Contract(latest.opened_on, min(ends, default=None), latest.address)


@dataclass(frozen=True)
class Decision:
    """What became of a request. `evidence_on` is the day of the payment that confirmed it."""

    refusal: WhyRefused | None
    evidence_on: date | None = None


NOT_CONFIRMED = Decision("not-confirmed")
TRY_LATER = Decision("try-later")


def decide(payments: Iterable[Payment], contract: Contract | None, kopecks: int, today: date) -> Decision:
    """Whether an amount confirms a link, as of `today`, the day of the request.

    One refusal for every reason: an answer must not tell whether the number exists.
    """
    if contract is None or contract.is_closed(today):
        return NOT_CONFIRMED
    since = max(months_before(today, WINDOW_MONTHS), contract.opened_on)
    confirming = [
        payment.paid_on
        for payment in payments
        if payment.kopecks == kopecks > 0
        and payment.service == ELECTRICITY
        and not payment.reversed
        and since <= payment.paid_on <= today
    ]
    return Decision(None, max(confirming)) if confirming else NOT_CONFIRMED


def outlives(evidence_on: date, contract: Contract | None) -> bool:
    """Whether what confirmed a link belongs to the account's latest contract; if not, it ends with the old one."""
    return contract is None or evidence_on >= contract.opened_on


def credentials_confirm(credentials_as_of: date, contract: Contract, today: date) -> bool:
    """Whether an old portal's login proves that its account is the user's: one of an earlier tenant's does not."""
    return outlives(credentials_as_of, contract) and not contract.is_closed(today)


@dataclass(frozen=True)
class Hold:
    """A link as another holder of the account sees it."""

    link_id: UUID
    origin: str
    linked_at: datetime

    def is_younger_than(self, other: "Hold") -> bool:
        """Links that one transaction made have the same time; their ids stand in the order of the requests."""
        return (self.linked_at, self.link_id) > (other.linked_at, other.link_id)


def removable(hold: Hold, own: Hold, now: datetime, within: timedelta) -> bool:
    """Whether the holder of `own` may end `hold`: a payment's amount can be guessed or overheard, and whoever was there
    before knows whose home it is. An old password and support's word are proof enough."""
    return hold.origin == "amount" and hold.is_younger_than(own) and now - hold.linked_at <= within


def barred(objected_on: date | None, contract: Contract | None) -> bool:
    """Whether an objection still stands: with a new contract the account is another household's, and it falls."""
    return objected_on is not None and outlives(objected_on, contract)
