"""`/login/email` and `/login/password`: the one more step of whoever comes over from the old portal."""

from typing import Any

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages.new_passwords import NEW_PASSWORD, require_new
from portal.refusing import NotDone, Refused
from portal.web.entering import device, entered
from portal.web.routes import AnyVisit, OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

TICKET = "old login"
TOO_LONG = _("That took too long. Sign in again")
EMAIL: Answers = {"email-invalid": ("email", _("Check the address. It looks like name@mail.ru"))}
CURRENT: Answers = {"wrong-password": ("current_password", _("The password did not match"))}


@routes.get("/login/email")
async def ask_email(visit: AnyVisit) -> Response:
    known = await visit.drafts.read(TICKET)
    if not known:
        return await visit.go("/login", TOO_LONG, kind="wait")
    return await _email_page(visit, visit.form("email"), known)


@routes.post("/login/email")
async def take_email(visit: AnyVisit) -> Response:
    """The session that the ticket was given for; the letter that confirms the address goes out by itself."""
    known = await visit.drafts.read(TICKET)
    if not known:
        return await visit.go("/login", TOO_LONG, kind="wait")
    form = visit.submitted("email")
    form.require(email=_("Enter your e-mail"))
    if form.sound:
        body = {"ticket": known["ticket"], "email": form.typed("email")}
        try:
            answer = await visit.ask("identity", "POST", "/v1/legacy-sessions", body | device(visit))
            await visit.drafts.forget(TICKET)
            return await entered(visit, answer)
        except NotDone as problem:
            if isinstance(problem, Refused) and problem.status in (401, 403, 410):
                await visit.drafts.forget(TICKET)
                return await visit.go("/login", TOO_LONG, kind="wait")
            form.refused(problem, EMAIL)
    return await _email_page(visit, form, known)


async def _email_page(visit: Visit, form: Form, known: dict[str, Any]) -> Response:
    return await visit.page("login/email.html", form=form, account_number=known["login"])


@routes.get("/login/password")
async def advise(visit: OwnVisit) -> Response:
    form = visit.form("current_password", "password", "password_confirmation")
    return await _password_page(visit, form)


@routes.post("/login/password")
async def strengthen(visit: OwnVisit) -> Response:
    if visit.typed.get("action") == "later" and not visit.too_old:
        return await visit.go(await visit.back())
    form = visit.submitted("current_password", "password", "password_confirmation")
    if not form.values["current_password"]:
        form.wrong("current_password", _("Enter your password"))
    require_new(form)
    if form.sound:
        try:
            await visit.own("identity", "PUT", "/v1/me/password", dict(form.values))
        except NotDone as problem:
            form.refused(problem, {**NEW_PASSWORD, **CURRENT})
        else:
            await visit.renew()
            return await visit.go(await visit.back(), _("New password saved"))
    return await _password_page(visit, form)


async def _password_page(visit: Visit, form: Form) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    return await visit.page("login/password.html", form=form, login=me["login"])
