"""`/accounts/{ref}/holders`: who else sees an account, and an objection to somebody who came later."""

from typing import Any
from uuid import UUID

from fastapi import Response

from portal.forms import Form
from portal.pages.accounts_shown import account_of, holders_of
from portal.refusing import NotDone, Refused
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _
from shared.problems import NotFound

routes = pages()


@routes.get("/accounts/{ref}/holders")
async def show(visit: OwnVisit, ref: str) -> Response:
    account = await account_of(visit, ref)
    holders = await holders_of(visit, account)
    return await visit.page("accounts/holders.html", account=account, ref=ref, holders=holders, tab="accounts")


@routes.get("/accounts/{ref}/holders/{link_id:uuid}/removal")
async def ask_removal(visit: OwnVisit, ref: str, link_id: UUID) -> Response:
    await _removable(visit, ref, link_id)
    return await _removal_page(visit, ref, link_id, visit.form())


@routes.post("/accounts/{ref}/holders/{link_id:uuid}/removal")
async def remove(visit: OwnVisit, ref: str, link_id: UUID) -> Response:
    if visit.kept.get("removed") == str(link_id):
        return await visit.go(f"/accounts/{ref}/holders")  # the button was pressed twice
    account, form = await account_of(visit, ref), visit.submitted()
    if form.sound:
        try:
            path = f"/v1/accounts/{account['account_number']}/holders/{link_id}"
            await visit.own("billing-link", "DELETE", path)
        except NotDone as problem:
            if isinstance(problem, Refused) and problem.status == 404:
                raise NotFound from None
            form.refused(problem)
        else:
            await visit.note(removed=str(link_id))
            return await visit.go(f"/accounts/{ref}/holders", _("Disconnected. This person does not see it any more"))
    return await _removal_page(visit, ref, link_id, form)


async def _removable(visit: Visit, ref: str, link_id: UUID) -> dict[str, Any]:
    for holder in await holders_of(visit, await account_of(visit, ref)):
        if holder["link_id"] == str(link_id) and holder["removable"]:
            return holder
    raise NotFound


async def _removal_page(visit: Visit, ref: str, link_id: UUID, form: Form) -> Response:
    return await visit.page("accounts/disconnect.html", form=form, ref=ref, link_id=link_id, tab="accounts")
