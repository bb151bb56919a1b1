"""`/language`: the pages in the other language, on this device and, for somebody signed in, everywhere."""

from contextlib import suppress

from fastapi import Response

from portal.refusing import NotDone
from portal.web.routes import AnyVisit, page_of, pages
from shared.languages import LOCALES

routes = pages()


@routes.post("/language")
async def change(visit: AnyVisit) -> Response:
    """Back to the page where it was pressed. Pages change also while identity is away; letters follow another time."""
    if visit.too_old:
        return await visit.go(page_of(visit.request))
    locale = visit.typed.get("language", "")
    if locale in LOCALES:
        visit.speak(locale)
        if visit.signed_in:
            with suppress(NotDone):
                await visit.own("identity", "PATCH", "/v1/me", {"locale": locale})
    return await visit.go(page_of(visit.request))
