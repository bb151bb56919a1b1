"""Whatever is asked for that is not there: a page that says so."""

from fastapi import Response

from portal.web.answering import error_page
from portal.web.routes import ANY_OTHER, AnyVisit, pages

routes = pages()


@routes.get(ANY_OTHER)
async def missing(visit: AnyVisit) -> Response:
    return await error_page(visit, 404)
