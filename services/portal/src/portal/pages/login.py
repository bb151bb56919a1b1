"""`/login` and `/session/end`."""

from contextlib import suppress

from fastapi import Response
from markupsafe import Markup

from portal.forms import Form, Notice
from portal.refusing import NotDone, Refused, SessionEnded
from portal.web.entering import device, entered
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _

routes = pages()

LONGEST_LOCK_SECONDS = 3600
"""A longer wait is that after a hundred wrong guesses: only a letter ends it sooner."""


@routes.get("/login")
async def show(visit: AnyVisit) -> Response:
    if visit.signed_in:
        return await visit.go("/accounts")
    form = visit.form("login", "password")
    with suppress(NotDone):
        form.values |= {"login": (await visit.drafts.read("registered")).get("login", "")}
    return await visit.page("login.html", form=form)


@routes.post("/login")
async def sign_in(visit: AnyVisit) -> Response:
    form = visit.submitted("login", "password")
    form.require(login=_("Enter your login"))
    if not form.values["password"]:
        form.wrong("password", _("Enter your password"))
    if form.sound:
        body = {"login": form.typed("login"), "password": form.values["password"]}
        try:
            answer = await visit.ask("identity", "POST", "/v1/sessions", body | device(visit))
            return await entered(visit, answer)
        except Refused as refused:
            if (step := await _one_more_step(visit, refused, form.typed("login"))) is not None:
                return step
            _refuse(visit, form, refused)
        except NotDone as problem:
            form.refused(problem)
    return await visit.page("login.html", form=form)


async def _one_more_step(visit: Visit, refused: Refused, login: str) -> Response | None:
    """The password was right, and one thing is missing."""
    match refused.code:
        case "email-not-confirmed":
            waits = {"id": refused.members["registration_id"], "email": refused.members["email"]}
            await visit.drafts.keep("confirmation", **waits)
            return await visit.go("/login/confirmation")
        case "email-required":
            await visit.drafts.keep("old login", ticket=refused.members["ticket"], login=login)
            return await visit.go("/login/email")
        case _:
            return None


def _refuse(visit: Visit, form: Form, refused: Refused) -> None:
    """On the login, in identity's words; or above the form, which stays usable: a known device may still get in."""
    words = visit.words
    match refused.code:
        case "invalid-credentials":
            form.tell("login", words.as_it_came(refused.detail))
        case "user-blocked":
            blocked = words(_("This account is blocked. Call us: {phone}"), phone=visit.settings.retailer_phone)
            form.say(Notice(blocked), 403)
        case "too-many-attempts" if (refused.retry_after or 0) > LONGEST_LOCK_SECONDS:
            link = _link(words, _("Set a new password"))
            form.say(Notice(words(_("Too many attempts. {link} by a link in a letter"), link=link)), 429)
        case "too-many-attempts":
            wait = words.time_left(refused.retry_after or 60)
            more = words(
                _("Do not want to wait? {link} by a link in a letter"), link=_link(words, _("Set a new password"))
            )
            form.say(Notice(words(_("Too many attempts. You can sign in again {time}"), time=wait), more=more), 429)
        case _:
            form.refused(refused)
    form.retry_after = refused.retry_after


def _link(words: Words, text: str) -> Markup:
    return Markup('<a class="govuk-link" href="/recovery">{}</a>').format(words(text))


@routes.post("/session/end")
async def sign_out(visit: AnyVisit) -> Response:
    """Whatever identity says, this browser is signed out; the session there ends by itself."""
    if visit.signed_in:
        with suppress(NotDone, SessionEnded):
            await visit.own("identity", "DELETE", "/v1/sessions/current")
        await visit.leave()
    return await visit.go("/login", _("You have signed out"))
