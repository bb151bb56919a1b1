"""`/settings/old-login`: another login of the old portal moves into this cabinet, and its account with it."""

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages.settings_current_password import too_many
from portal.refusing import NotDone
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

NAMES = ("login", "password")
ANSWERS: Answers = {
    "wrong-password": ("login", _("The login or password did not match")),
    "too-many-attempts": (None, too_many),
}


@routes.get("/settings/old-login")
async def show(visit: OwnVisit) -> Response:
    return await _page(visit, visit.form(*NAMES))


@routes.post("/settings/old-login")
async def move(visit: OwnVisit) -> Response:
    """The old password says whose it is; billing-link judges the account and links it a moment later."""
    form = visit.submitted(*NAMES)
    form.require(login=_("Enter your login"))
    if not form.values["password"]:
        form.wrong("password", _("Enter your password"))
    if form.sound:
        body = {"login": form.typed("login"), "password": form.values["password"]}
        try:
            answer = await visit.own("identity", "POST", "/v1/me/legacy-logins", body)
        except NotDone as problem:
            form.refused(problem, ANSWERS)
        else:
            return await visit.go("/accounts", _("Account {number} is moving here"), number=answer["account_number"])
    return await _page(visit, form)


async def _page(visit: Visit, form: Form) -> Response:
    return await visit.page("settings/old_login.html", form=form, tab="settings")
