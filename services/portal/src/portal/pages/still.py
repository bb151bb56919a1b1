"""Pages that only tell: personal data, accessibility, the farewell."""

from fastapi import Response

from portal.web.routes import AnyVisit, pages

routes = pages()


@routes.get("/personal-data")
async def personal_data(visit: AnyVisit) -> Response:
    return await visit.page("personal_data.html")


@routes.get("/accessibility")
async def accessibility(visit: AnyVisit) -> Response:
    return await visit.page("accessibility.html")


@routes.get("/farewell")
async def farewell(visit: AnyVisit) -> Response:
    return await visit.page("farewell.html")
