"""`/settings/password`: another password, which signs out everywhere else."""

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages.new_passwords import NEW_PASSWORD, require_new
from portal.pages.settings_current_password import CURRENT, me_of, require_current
from portal.refusing import NotDone
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit

routes = pages()

NAMES = ("current_password", "password", "password_confirmation")
ANSWERS: Answers = {**CURRENT, **NEW_PASSWORD}


@routes.get("/settings/password")
async def show(visit: OwnVisit) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    return await _page(visit, visit.form(*NAMES), me["login"])


@routes.post("/settings/password")
async def change(visit: OwnVisit) -> Response:
    """Identity ends every other session; this one goes on under a new id."""
    form = visit.submitted(*NAMES)
    require_current(form)
    require_new(form)
    if form.sound:
        try:
            await visit.own("identity", "PUT", "/v1/me/password", dict(form.values))
        except NotDone as problem:
            form.refused(problem, ANSWERS)
        else:
            await visit.renew()
            await visit.note(password_changed=True)
            return await visit.go("/settings")
    return await _page(visit, form, (await me_of(visit))["login"])


async def _page(visit: Visit, form: Form, login: str) -> Response:
    return await visit.page("settings/password.html", form=form, tab="settings", login=login)
