"""`/`: to the accounts, or to the sign-in."""

from fastapi import Response

from portal.web.routes import AnyVisit, pages

routes = pages()


@routes.get("/")
async def start(visit: AnyVisit) -> Response:
    return await visit.go("/accounts" if visit.signed_in else "/login")
