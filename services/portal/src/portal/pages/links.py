"""Links of letters: the token leaves the address at once, and only a button on the next page posts it."""

import re

from fastapi import Response

from portal.refusing import NotDone, Refused
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

TOKEN_SECONDS = 900
CONFIRMATION, RECOVERY, REVERSAL = "confirmation", "recovery", "reversal"
_TOKEN = re.compile(r"[\w.-]{16,256}", re.ASCII)


@routes.get("/c/{token}")
async def confirmation_link(visit: AnyVisit, token: str) -> Response:
    return await _taken(visit, CONFIRMATION, token, "/email-confirmation")


@routes.get("/r/{token}")
async def recovery_link(visit: AnyVisit, token: str) -> Response:
    return await _taken(visit, RECOVERY, token, "/password-reset")


@routes.get("/v/{token}")
async def reversal_link(visit: AnyVisit, token: str) -> Response:
    return await _taken(visit, REVERSAL, token, "/email-reversal")


async def _taken(visit: Visit, cookie: str, token: str, page: str) -> Response:
    if _TOKEN.fullmatch(token):
        visit.cookies.put(cookie, token, TOKEN_SECONDS)
    else:
        visit.cookies.drop(cookie)
    return await visit.go(page)


@routes.get("/email-confirmation")
async def ask_to_confirm(visit: AnyVisit) -> Response:
    """Asks no service anything: a program that opens links confirms nothing and learns nothing."""
    if not visit.cookies.get(CONFIRMATION):
        return await _dead(visit)
    return await visit.page("email_confirmation.html", form=visit.form())


@routes.post("/email-confirmation")
async def confirm(visit: AnyVisit) -> Response:
    if not (token := visit.cookies.get(CONFIRMATION)):
        return await _dead(visit)
    form = visit.submitted()
    if form.sound:
        try:
            await visit.ask("identity", "POST", "/v1/email-confirmations", {"token": token})
        except Refused as refused:
            if refused.status in (410, 422):
                visit.cookies.drop(CONFIRMATION)
                return await _dead(visit)
            form.refused(refused)
        except NotDone as problem:
            form.refused(problem)
        else:
            visit.cookies.drop(CONFIRMATION)
            if visit.signed_in:
                return await visit.go("/settings", _("Your e-mail is confirmed"))
            return await visit.go("/login", _("Your e-mail is confirmed. Now sign in"))
    return await visit.page("email_confirmation.html", form=form)


async def _dead(visit: Visit) -> Response:
    return await visit.page("dead_link.html", status=410)


@routes.get("/email-reversal")
async def ask_to_reverse(visit: AnyVisit) -> Response:
    if not visit.cookies.get(REVERSAL):
        return await _dead_reversal(visit)
    return await visit.page("email_reversal.html", form=visit.form())


@routes.post("/email-reversal")
async def reverse(visit: AnyVisit) -> Response:
    """The old address is back, every session ends, and a letter to it sets a new password."""
    if not (token := visit.cookies.get(REVERSAL)):
        return await _dead_reversal(visit)
    form = visit.submitted()
    if form.sound:
        try:
            await visit.ask("identity", "POST", "/v1/email-reversals", {"token": token})
        except Refused as refused:
            if refused.status in (410, 422):
                visit.cookies.drop(REVERSAL)
                return await _dead_reversal(visit)
            form.refused(refused)
        except NotDone as problem:
            form.refused(problem)
        else:
            visit.cookies.drop(REVERSAL)
            if visit.signed_in:
                await visit.leave()
            return await visit.go(
                "/login", _("The address is restored. Open the letter that we sent there and set a new password")
            )
    return await visit.page("email_reversal.html", form=form)


async def _dead_reversal(visit: Visit) -> Response:
    return await visit.page("dead_link.html", status=410, reversal=True)
