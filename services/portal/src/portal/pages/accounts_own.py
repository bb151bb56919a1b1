"""`/accounts/{ref}/alias` and `/accounts/{ref}/removal`: what somebody calls an account, and letting it go."""

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages.accounts_shown import Account, account_of
from portal.refusing import NotDone, Refused
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _
from shared.problems import NotFound

routes = pages()

ANSWERS: Answers = {"alias-too-long": ("alias", _("Use at most 40 characters"))}


@routes.get("/accounts/{ref}/alias")
async def ask_alias(visit: OwnVisit, ref: str) -> Response:
    account = await account_of(visit, ref)
    return await _alias_page(visit, ref, visit.form("alias", alias=account["alias"]), account)


@routes.post("/accounts/{ref}/alias")
async def name(visit: OwnVisit, ref: str) -> Response:
    form = visit.submitted("alias")
    account = None
    try:
        account = await account_of(visit, ref)
        if form.sound:
            path = f"/v1/accounts/{account['account_number']}"
            await visit.own("billing-link", "PATCH", path, {"alias": form.typed("alias")})
            return await visit.go("/accounts", _("Saved"))
    except NotDone as problem:
        form.refused(problem, ANSWERS)
    return await _alias_page(visit, ref, form, account)


async def _alias_page(visit: Visit, ref: str, form: Form, account: Account | None) -> Response:
    return await visit.page("accounts/alias.html", form=form, ref=ref, account=account, tab="accounts")


@routes.get("/accounts/{ref}/removal")
async def ask_removal(visit: OwnVisit, ref: str) -> Response:
    return await _removal_page(visit, ref, visit.form(), await account_of(visit, ref))


@routes.post("/accounts/{ref}/removal")
async def remove(visit: OwnVisit, ref: str) -> Response:
    try:
        account = await account_of(visit, ref)
    except NotFound:
        if visit.kept.get("removed") != ref:
            raise
        return await visit.go("/accounts")  # the button was pressed twice
    form = visit.submitted()
    if form.sound:
        number = account["account_number"]
        try:
            await visit.own("billing-link", "DELETE", f"/v1/accounts/{number}")
        except NotDone as problem:
            if isinstance(problem, Refused) and problem.status == 404:
                return await visit.go("/accounts")  # the other press of two was quicker
            form.refused(problem)
        else:
            await visit.note(removed=ref)
            return await visit.go("/accounts", _("Account {number} removed"), number=number)
    return await _removal_page(visit, ref, form, account)


async def _removal_page(visit: Visit, ref: str, form: Form, account: Account) -> Response:
    return await visit.page("accounts/removal.html", form=form, ref=ref, account=account, tab="accounts")
