"""`/settings/language`: the language of pages, letters and SMS."""

from fastapi import Response

from portal.refusing import NotDone
from portal.web.routes import OwnVisit, pages
from shared.languages import LOCALES, _

routes = pages()


@routes.get("/settings/language")
async def show(visit: OwnVisit) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    return await visit.page(
        "settings/language.html", form=visit.form("language", language=me["locale"]), tab="settings"
    )


@routes.post("/settings/language")
async def save(visit: OwnVisit) -> Response:
    form = visit.submitted("language")
    if form.typed("language") not in LOCALES:
        form.wrong("language", _("Choose a language"))
    if form.sound:
        try:
            await visit.own("identity", "PATCH", "/v1/me", {"locale": form.typed("language")})
        except NotDone as problem:
            form.refused(problem)
        else:
            visit.speak(form.typed("language"))
            return await visit.go("/settings", _("The language is changed"))
    return await visit.page("settings/language.html", form=form, tab="settings")
