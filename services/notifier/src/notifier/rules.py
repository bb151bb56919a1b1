"""What a notification is, when it may be handed over and what follows each outcome; masks, references, SMS parts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Literal

Channel = Literal["email", "sms"]


class Status(StrEnum):
    """The first two are passing, the others are ends: every notification reaches exactly one of them."""

    QUEUED = "queued"
    WAITING = "waiting"  # nobody has told us yet where its reader can be reached
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


class Kind(StrEnum):
    REGISTRATION_CODE = "registration_code"
    PHONE_CHANGE_CODE = "phone_change_code"
    EMAIL_CONFIRMATION = "email_confirmation"
    PASSWORD_RECOVERY = "password_recovery"
    EMAIL_CHANGED = "email_changed"
    PHONE_CHANGED = "phone_changed"
    PASSWORD_CHANGED = "password_changed"
    NEW_SIGN_IN = "new_sign_in"
    ACCOUNT_LINKED = "account_linked"
    ACCOUNT_LINKED_BY_ANOTHER = "account_linked_by_another"
    LINK_REFUSED = "link_refused"
    ACCOUNT_UNLINKED = "account_unlinked"
    USER_ERASED = "user_erased"
    FEEDBACK = "feedback"
    FEEDBACK_RECEIPT = "feedback_receipt"


SECURITY = frozenset(
    {
        Kind.REGISTRATION_CODE,
        Kind.PHONE_CHANGE_CODE,
        Kind.EMAIL_CONFIRMATION,
        Kind.PASSWORD_RECOVERY,
        Kind.EMAIL_CHANGED,
    }
)
"""What carries a code or a token: never sent a second time by itself. Everything else is a notice."""

CAN_WAIT_FOR_MORNING = frozenset({Kind.ACCOUNT_LINKED, Kind.LINK_REFUSED, Kind.ACCOUNT_UNLINKED})
"""Notices of what their reader did or asked for. The others may be news of a stranger, and are told by night too."""

CODE, LINK, NOTICE = 0, 1, 2
"""Ranks: smaller ones go first."""
CLASSES = ("code", "link", "notice")
"""The ranks in words."""


def rank(kind: Kind) -> int:
    if kind in (Kind.REGISTRATION_CODE, Kind.PHONE_CHANGE_CODE):
        return CODE
    return LINK if kind in SECURITY else NOTICE


EXPIRY_MARGIN = timedelta(seconds=30)
"""Nothing is handed over this close to its `expires_at`: it would be dead when it is read."""

NOTICE_LIFE = timedelta(days=3)
"""A notice that could not be handed over for so long tells no news any more."""

FEEDBACK_LIFE = timedelta(days=7)
"""Somebody wrote to us: try for as long as a person may be expected to mend the mail server."""

ERASURE_LIFE = timedelta(hours=12)
"""The farewell holds an address of somebody who is to be forgotten within 24 hours."""

REVERSAL_LIFE = timedelta(hours=72)
"""How long identity takes a change of address back (the contract's figure)."""

SLOW_DECISION = timedelta(minutes=5)
"""A refusal that came sooner was seen on the page; a letter would only repeat it."""

RECEIPTS_A_DAY = 3
MESSAGES_A_DAY = 50
"""Of one client address: an office or a village may stand behind one."""


class Outcome(StrEnum):
    """What an attempt to hand a message over came to."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for good
    TRY_LATER = "try_later"  # surely not taken
    UNKNOWN = "unknown"  # it may have been taken: the answer was lost
    WITHHELD = "withheld"  # nothing was handed over, because the time was up or another worker has it


@dataclass(frozen=True)
class Answer:
    """An outcome with the server's reply code, such as `550 5.1.1`; never its text, which may repeat an address."""

    outcome: Outcome
    code: str = ""
    elsewhere: bool = False
    """Surely not taken, and another provider may be asked at once."""


@dataclass(frozen=True)
class Step:
    """What follows: an end, or (with `status` queued) another try after `wait`."""

    status: Status
    wait: timedelta = timedelta()
    reason: Literal["rejected", "expired", "unknown"] | None = None


def handings_allowed(kind: Kind, channel: Channel, repeatable: bool) -> int:
    """How many times a message whose outcome stays unknown may be handed over in all.

    A letter cannot be taken back and servers do not know it again: security letters once, notices twice with one
    Message-ID. An SMS is asked for again where its provider knows a repeat, and then its reader still gets one.
    """
    if channel == "sms":
        return 3 if repeatable else 1
    return 1 if kind in SECURITY else 2


def next_step(
    answer: Answer, kind: Kind, channel: Channel, handings: int, tries: int, repeatable: bool = False
) -> Step:
    """What an outcome leads to. `handings` counts the times it was handed over, `tries` those it was taken up."""
    match answer.outcome:
        case Outcome.ACCEPTED:
            return Step(Status.SENT)
        case Outcome.REFUSED | Outcome.TRY_LATER if answer.elsewhere:
            return Step(Status.QUEUED)
        case Outcome.REFUSED if kind is not Kind.FEEDBACK:  # support's mailbox is ours: it can be mended
            return Step(Status.FAILED, reason="rejected")
        case Outcome.UNKNOWN if handings >= handings_allowed(kind, channel, repeatable):
            return Step(Status.UNKNOWN, reason="unknown")
        case _:
            return Step(Status.QUEUED, wait=backoff(tries, channel))


def backoff(tries: int, channel: Channel) -> timedelta:
    """2, 4, 8 … seconds, at most 5 minutes for letters; SMS codes live for minutes, so they wait 15 s at most."""
    longest = 15 if channel == "sms" else 300
    return timedelta(seconds=min(2 ** min(max(tries, 1), 10), longest))


def rest_of_quiet(now: datetime, begins: time, ends: time) -> timedelta:
    """How long `now`, a moment in the region's zone, is before the end of the quiet hours; zero outside them."""
    clock = now.time()
    over_midnight = begins > ends
    if not (clock >= begins or clock < ends if over_midnight else begins <= clock < ends):
        return timedelta()
    end = now.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0)
    if end <= now:
        end += timedelta(days=1)
    return end.astimezone(UTC) - now.astimezone(UTC)


def hard_bounce(code: str) -> bool:
    """Whether a refusal, such as `550 5.1.1`, is of the address itself; a full mailbox or a filter is not."""
    reply, _, enhanced = code.partition(" ")
    if enhanced:
        return enhanced.startswith("5.1.") and enhanced not in ("5.1.7", "5.1.8")  # those are of our sender
    return reply in ("550", "551", "553")


def mask_phone_tail(phone: str) -> str:
    """The short form in letters: `•••-••-89`."""
    return f"•••-••-{phone[-2:]}"


def mask_login(login: str) -> str:
    """A login of account-number form is shown by its end only; any other is its owner's own word."""
    return f"•••{login[-4:]}" if re.fullmatch(r"\d{5,14}", login, re.ASCII) else login


def account_ending(account_number: str) -> str:
    return account_number[-4:]


REFERENCE_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Signs that are not taken for one another when they are read out over the phone."""
REFERENCES = len(REFERENCE_SIGNS) ** 6


def reference(number: int) -> str:
    """A number below `REFERENCES` as a reference for people, such as `4K7-2QX`."""
    signs = []
    for _ in range(6):
        number, sign = divmod(number, len(REFERENCE_SIGNS))
        signs.append(REFERENCE_SIGNS[sign])
    return "".join(signs[:3]) + "-" + "".join(signs[3:])


_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("\f^{}\\[~]|€")


def sms_alphabet(text: str) -> Literal["gsm-7", "ucs-2"]:
    """GSM 03.38 where every sign is in its alphabet, else UCS-2."""
    return "gsm-7" if all(sign in _GSM or sign in _GSM_DOUBLE for sign in text) else "ucs-2"


def sms_parts(text: str) -> int:
    """How many SMS the text is billed as; a sign of two units is never divided between two of them."""
    if sms_alphabet(text) == "gsm-7":
        units, single, each = [2 if sign in _GSM_DOUBLE else 1 for sign in text], 160, 153
    else:
        units, single, each = [len(sign.encode("utf-16-be")) // 2 for sign in text], 70, 67
    if sum(units) <= single:
        return 1
    parts, left = 1, each
    for unit in units:
        if unit > left:
            parts, left = parts + 1, each
        left -= unit
    return parts


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> bool:
    """Whether the text has no sign that could end a line or drive a terminal, no half of one, and
    none that may not stand in XML, of which letters are made."""
    return not _CONTROL.search(text)


def may_head(text: str) -> bool:
    """Whether the text may stand in a header: one line, and no begin of an encoded word (RFC 2047), which `email` opens
    when it is given a header, with the line ends that may be in it."""
    return one_line(text) and "=?" not in text


_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,512}", re.ASCII)


def is_token(token: str) -> bool:
    """Whether it is what identity makes, and so may stand in a link as it is."""
    return bool(_TOKEN.fullmatch(token))


def is_code(code: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,12}", code))


def is_phone(phone: str) -> bool:
    """Whether it is a number as it is dialled from anywhere (E.164), and so may be given to a provider."""
    return bool(re.fullmatch(r"\+[1-9][0-9]{6,14}", phone))
