"""`/settings/notifications`: what was sent to the person and what became of it, never what it said."""

import re
from datetime import datetime
from typing import Any

from fastapi import Response
from markupsafe import Markup

from portal.refusing import Refused
from portal.web.routes import OwnVisit, pages
from portal.words import Words, parsed
from shared.languages import _

routes = pages()

PAGE = 20
KINDS = {
    "registration_code": _("Confirmation code"),
    "phone_change_code": _("Confirmation code"),
    "email_confirmation": _("Letter to confirm your e-mail"),
    "password_recovery": _("Letter for a new password"),
    "email_changed": _("E-mail changed"),
    "phone_changed": _("Phone changed"),
    "password_changed": _("Password changed"),
    "new_sign_in": _("New sign-in"),
    "account_linked": _("Account linked"),
    "account_linked_by_another": _("Someone else linked your account"),
    "link_refused": _("The account was not confirmed"),
    "account_unlinked": _("Account removed"),
    "user_erased": _("Kabinet deleted"),
    "feedback": _("Your message to us"),
    "feedback_receipt": _("Receipt of your message"),
}
OTHER_KIND = _("Message")
"""New kinds may come before their names."""
STATUSES = {
    "queued": (_("Queued"), "yellow"),
    "waiting": (_("Queued"), "yellow"),
    "sent": (_("Sent"), "green"),
    "failed": (_("Not delivered"), "red"),
    "expired": (_("Expired"), ""),
    "unknown": (_("No answer yet"), ""),
}
NO_ADDRESS = {"email": _("Letter"), "sms": _("SMS")}
TO_ADDRESS = {"email": _("Letter to {address}"), "sms": _("SMS to {address}")}
_CURSOR = re.compile(r"[\w-]{1,64}", re.ASCII)


@routes.get("/settings/notifications")
async def show(visit: OwnVisit, cursor: str = "") -> Response:
    """`cursor`: a place in time, from the link to what came before."""
    place = f"&cursor={cursor}" if _CURSOR.fullmatch(cursor) else ""
    try:
        found = await visit.own("notifier", "GET", f"/v1/notifications?limit={PAGE}{place}")
    except Refused as refused:
        if refused.status != 422:
            raise
        return await visit.go("/settings/notifications")
    sent = [shown(one, visit.words) for one in found["items"]]
    return await visit.page(
        "settings/notifications.html", tab="settings", sent=sent, earlier=found["next_cursor"], is_first=not place
    )


def shown(one: dict[str, Any], words: Words) -> dict[str, Any]:
    """A notification in the reader's words."""
    status, colour = STATUSES.get(one["status"], STATUSES["unknown"])
    to, alone = TO_ADDRESS.get(one["channel"], TO_ADDRESS["email"]), NO_ADDRESS.get(one["channel"], OTHER_KIND)
    return {
        "kind": words(KINDS.get(one["kind"], OTHER_KIND)),
        "status": words(status),
        "colour": colour,
        "way": words(to, address=one["address"]) if one["address"] else words(alone),
        "at": when(words, parsed(one["created_at"]), datetime.now(words.zone)),
        "machine_at": one["created_at"],
    }


def when(words: Words, moment: datetime, now: datetime) -> Markup:
    """`2 ноября в 9:05`; with its year where that is another one."""
    if moment.astimezone(words.zone).year == now.year:
        return words.moment(moment)
    return words(_("{date}, {clock}"), date=words.date(moment), clock=words.clock(moment))
