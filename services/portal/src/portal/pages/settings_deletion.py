"""`/settings/deletion`: everything of the person goes, in every service."""

from fastapi import Response

from portal.forms import Form
from portal.pages.settings_current_password import CURRENT, me_of, require_current
from portal.refusing import Away, NotDone, SessionEnded
from portal.web.cookies import DEVICE, DRAFT
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit

routes = pages()

NAMES = ("current_password",)
WAIT_SECONDS = 5.0
"""Beyond the page's own time: an answer that got lost could be asked for by nobody any more."""


@routes.get("/settings/deletion")
async def show(visit: OwnVisit) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    return await _page(visit, visit.form(*NAMES), me["login"])


@routes.post("/settings/deletion")
async def delete(visit: OwnVisit) -> Response:
    """Identity ends every session with it; this browser forgets what it kept of the person."""
    form = visit.submitted(*NAMES)
    require_current(form)
    if form.sound:
        try:
            await visit.own("identity", "POST", "/v1/me/erasures", dict(form.values), once=form.once, wait=WAIT_SECONDS)
        except NotDone as problem:
            form.refused(problem, CURRENT)
            if isinstance(problem, Away):
                await visit.note(deletion_asked=True)
        except SessionEnded:
            if not visit.kept.get("deletion_asked"):
                raise
            return await _farewell(visit)  # the answer got lost, and the erasure itself has ended the session
        else:
            return await _farewell(visit)
    return await _page(visit, form, (await me_of(visit))["login"])


async def _farewell(visit: Visit) -> Response:
    await visit.leave()
    visit.cookies.drop(DEVICE)
    visit.cookies.drop(DRAFT)
    return await visit.go("/farewell")


async def _page(visit: Visit, form: Form, login: str) -> Response:
    return await visit.page("settings/deletion.html", form=form, tab="settings", login=login)
