"""`/settings/phone`: another phone, shown to be in hand by a code."""

from fastapi import Response

from portal.forms import Answers, Form
from portal.pages.settings_current_password import CURRENT, me_of, require_current
from portal.refusing import NotDone, Refused
from portal.web import phone_codes
from portal.web.phone_codes import PhoneCode
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

NAMES = ("phone", "code", "current_password")
DRAFT = "phone change"
"""The number and how far its code is. The password is not kept: whoever finds the page open must not go on with it."""
ANSWERS: Answers = {
    **CURRENT,
    "phone-invalid": ("phone", _("Check the number. For example, +7 912 345-67-89")),
    "phone-proof-invalid": ("phone", _("More than 15 minutes have passed. Confirm the number again")),
}


@routes.get("/settings/phone")
async def show(visit: OwnVisit) -> Response:
    me = await visit.own("identity", "GET", "/v1/me")
    kept = await visit.drafts.read(DRAFT)
    known = PhoneCode.kept(kept)
    form = visit.form(*NAMES, phone=kept.get("phone"))
    if known.sent:
        form.focus = "code"
    return await _page(visit, form, known, me["login"])


@routes.post("/settings/phone")
async def act(visit: OwnVisit) -> Response:
    """By the button that was pressed; Enter is the one that changes."""
    form = visit.submitted(*NAMES)
    known = PhoneCode.kept(await visit.drafts.read(DRAFT))
    match visit.typed.get("action"):
        case "send_code":
            known = await phone_codes.send(visit, form, known, "phone_change")
        case "change_phone":
            known, form.values["phone"] = PhoneCode(), ""
        case _:
            return await _change(visit, form, known)
    await _keep(visit, form, known)
    return await (visit.go("/settings/phone") if form.sound else _answer(visit, form, known))


async def _change(visit: Visit, form: Form, known: PhoneCode) -> Response:
    if form.sound:
        known = await phone_codes.check(visit, form, known)
        require_current(form)
        await _keep(visit, form, known)  # a right code is spent: its proof must not get lost with the answer
    if form.sound:
        body = {"phone": form.typed("phone"), "phone_proof": known.proof}
        body["current_password"] = form.values["current_password"]
        try:
            await visit.own("identity", "PUT", "/v1/me/phone", body)
        except NotDone as problem:
            form.refused(problem, ANSWERS)
            if isinstance(problem, Refused) and any(one.code == "phone-proof-invalid" for one in problem.fields):
                known = PhoneCode()
                await _keep(visit, form, known)
        else:
            await visit.drafts.forget(DRAFT)
            return await visit.go("/settings", _("Phone changed"))
    return await _answer(visit, form, known)


async def _keep(visit: Visit, form: Form, known: PhoneCode) -> None:
    await visit.drafts.keep(DRAFT, phone=form.values["phone"], **known.as_kept())


async def _answer(visit: Visit, form: Form, known: PhoneCode) -> Response:
    return await _page(visit, form, known, (await me_of(visit))["login"])


async def _page(visit: Visit, form: Form, known: PhoneCode, login: str) -> Response:
    return await visit.page("settings/phone.html", form=form, tab="settings", known=known, login=login)
