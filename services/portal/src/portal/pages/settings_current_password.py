"""The current password, asked for again before something changes that a thief of the session would want."""

from typing import Any

from markupsafe import Markup

from portal.forms import Answers, Form
from portal.refusing import NotDone
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _

LONGEST_LOCK_SECONDS = 3600
"""A longer wait is that after a hundred wrong guesses: only a letter ends it sooner."""


def too_many(refused: NotDone, words: Words) -> Markup:
    """How long to wait, or how not to."""
    wait = getattr(refused, "retry_after", None) or 60
    if wait > LONGEST_LOCK_SECONDS:
        link = Markup('<a class="govuk-link" href="/recovery">{}</a>').format(words(_("Set a new password")))
        return words(_("Too many attempts. {link} by a link in a letter"), link=link)
    return words(_("Too many attempts. Try again {time}"), time=words.time_left(wait))


CURRENT: Answers = {
    "wrong-password": ("current_password", _("The password did not match")),
    "too-many-attempts": (None, too_many),
}


def require_current(form: Form) -> None:
    if not form.values["current_password"]:
        form.wrong("current_password", _("Enter your password"))


async def me_of(visit: Visit) -> dict[str, Any]:
    """Whoever is signed in, for a form that comes back; while identity is away, what the form itself knew of it."""
    try:
        return dict(await visit.own("identity", "GET", "/v1/me"))
    except NotDone:
        return {"login": visit.typed.get("username", "")}
