"""`/settings/email`: another address, which takes effect when the letter that goes there is confirmed."""

from typing import Any

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages import letters
from portal.pages.settings_current_password import CURRENT, me_of, require_current
from portal.refusing import NotDone
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

NAMES = ("email", "current_password")
ANSWERS: Answers = {
    **CURRENT,
    **letters.ANSWERS,
    "email-invalid": ("email", _("Check the address. It looks like name@mail.ru")),
}


@routes.get("/settings/email")
async def show(visit: OwnVisit) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    if await visit.taken("email_asked") and not me["pending_email"]:
        return await visit.go("/settings", _("You have this address already"))
    return await _page(visit, visit.form(*NAMES), me)


@routes.post("/settings/email")
async def change(visit: OwnVisit) -> Response:
    form = visit.submitted(*NAMES)
    if visit.typed.get("action") == "letter":
        return await _send_again(visit, form)
    form.require(email=_("Enter your e-mail"))
    require_current(form)
    if form.sound:
        body = {"email": form.typed("email"), "current_password": form.values["current_password"]}
        try:
            await visit.own("identity", "PUT", "/v1/me/email", body)
        except NotDone as problem:
            form.refused(problem, ANSWERS)
        else:
            await visit.note(email_asked=True)
            return await visit.go("/settings/email")
    return await _page(visit, form, await me_of(visit))


async def _send_again(visit: Visit, form: Form) -> Response:
    """The letter to the address that waits, whether it is the new one or the first."""
    if form.sound:
        try:
            await visit.own("identity", "POST", "/v1/me/email/letters")
        except NotDone as problem:
            form.refused(problem, ANSWERS)
        else:
            return await visit.go("/settings/email", _("Sent again"))
    return await _page(visit, form, await me_of(visit))


async def _page(visit: Visit, form: Form, me: dict[str, Any]) -> Response:
    return await visit.page("settings/email.html", form=form, tab="settings", me=me)
