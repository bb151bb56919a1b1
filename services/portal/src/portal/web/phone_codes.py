"""A phone shown to be in hand, by a code: what registration and a change of the phone have alike."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from markupsafe import Markup

from portal.forms import Answers, Form
from portal.refusing import NotDone, Refused
from portal.web.visiting import Visit
from portal.words import NBSP, Words, parsed
from shared.contacts import canonical_phone, mask_phone
from shared.languages import _

RESEND_SECONDS = 60
"""A longer wait is not that between two SMS: the number has had its share."""
LAST_SEND_SECONDS = 60
"""A code that ends so soon is not sent again; a new one is asked for."""
NO_LONGER = _("This code no longer works. Get a new one")


def _too_many(refused: NotDone, words: Words) -> Markup:
    wait = getattr(refused, "retry_after", None) or RESEND_SECONDS
    if wait <= RESEND_SECONDS:
        return words(_("You can ask for a new code {time}"), time=words.time_left(wait))
    return words(_("We have sent many codes to this number. Try again {time}"), time=words.time_left(wait))


def _wrong(refused: NotDone, words: Words) -> Markup:
    left = refused.members.get("attempts_left", 0) if isinstance(refused, Refused) else 0
    if left < 1:
        return words(NO_LONGER)
    attempts = words.ngettext("{count} attempt left", "{count} attempts left", left)
    return words(_("The code did not match. {attempts}"), attempts=attempts)


ANSWERS: Answers = {
    "phone-invalid": ("phone", _("Check the number. For example, +7 912 345-67-89")),
    "too-many-codes": ("phone", _too_many),
    "wrong-code": ("code", _wrong),
    "code-not-valid": ("code", NO_LONGER),
    "codes-unavailable": (None, _("SMS are not going out right now. We will keep what you typed for 15 minutes")),
}


@dataclass(frozen=True)
class PhoneCode:
    """How far somebody is, as a draft keeps it."""

    phone: str = ""
    """As typed when the code was asked for."""
    code_id: str = ""
    expires_at: str = ""
    resend_at: str = ""
    proof: str = ""
    """The phone was in hand."""

    @classmethod
    def kept(cls, draft: dict[str, Any]) -> "PhoneCode":
        return cls(**draft.get("phone_code", {}))

    def as_kept(self) -> dict[str, Any]:
        return {"phone_code": asdict(self)}

    @property
    def sent(self) -> bool:
        return bool(self.code_id) and not self.proof

    @property
    def masked(self) -> str:
        known = canonical_phone(self.phone)
        return mask_phone(known).replace(" ", NBSP) if known else ""

    @property
    def ends(self) -> datetime:
        return parsed(self.expires_at)

    @property
    def resend_seconds(self) -> int:
        """Until another SMS would be sent."""
        return max(0, round((parsed(self.resend_at) - datetime.now(UTC)).total_seconds())) if self.resend_at else 0

    def of(self, typed: str) -> bool:
        """Whether it is about the number that is typed now."""
        return _number(self.phone) == _number(typed)


async def send(
    visit: Visit, form: Form, known: PhoneCode, purpose: Literal["registration", "phone_change"]
) -> PhoneCode:
    """An SMS with a code, the same one where it still lives; what went wrong is told on the form."""
    form.require(phone=_("Enter your phone number"))
    phone = form.typed("phone")
    if not form.sound:
        return known
    try:
        if known.sent and known.of(phone) and (known.ends - datetime.now(UTC)).total_seconds() > LAST_SEND_SECONDS:
            answer = await _again(visit, form, known, purpose)
        else:
            answer = await _anew(visit, form, purpose)
    except NotDone as problem:
        form.refused(problem, ANSWERS)
        return known
    return PhoneCode(phone, answer["id"], answer["expires_at"], answer["resend_at"])


async def _again(visit: Visit, form: Form, known: PhoneCode, purpose: str) -> Any:
    try:
        return await visit.ask("verification", "POST", f"/v1/codes/{known.code_id}/sends")
    except Refused as refused:
        if refused.code != "code-not-valid":
            raise
    return await _anew(visit, form, purpose)


async def _anew(visit: Visit, form: Form, purpose: str) -> Any:
    body = {"phone": form.typed("phone"), "purpose": purpose}
    return await visit.ask("verification", "POST", "/v1/codes", body, once=form.once)


async def check(visit: Visit, form: Form, known: PhoneCode) -> PhoneCode:
    """The proof for the code that was typed, or what to do about it on the form. A right code is spent once."""
    phone, code = form.typed("phone"), form.typed("code")
    if known.proof and known.of(phone):
        return known
    if not phone:
        form.wrong("phone", _("Enter your phone number"))
        return known
    if not known.code_id:
        form.wrong("code", _("Get a code first"))
    elif not known.of(phone):
        form.wrong("code", _("The number has changed. Get a code for the new one"))
    elif not code:
        form.wrong("code", _("Enter the code from the SMS"))
    else:
        return await _checked(visit, form, known, code)
    return known


async def _checked(visit: Visit, form: Form, known: PhoneCode, code: str) -> PhoneCode:
    try:
        answer = await visit.ask("verification", "POST", f"/v1/codes/{known.code_id}/check", {"code": code})
    except Refused as refused:
        form.refused(refused, ANSWERS)
        over = refused.code == "code-not-valid" or not refused.members.get("attempts_left", 1)
        return PhoneCode(known.phone) if over else known
    except NotDone as problem:
        form.refused(problem, ANSWERS)
        return known
    return replace(known, proof=answer["phone_proof"])


def _number(typed: str) -> str:
    return canonical_phone(typed) or "".join(sign for sign in typed if sign.isdigit())
