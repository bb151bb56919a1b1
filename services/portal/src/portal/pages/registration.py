"""`/registration`: one page that loses nothing, whatever goes wrong on the way."""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import Response

from portal.forms import Answers, Form
from portal.refusing import Away, NotDone, Refused
from portal.web import phone_codes
from portal.web.phone_codes import PhoneCode
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()

NAMES = ("login", "password", "password_confirmation", "email", "phone", "code")
DRAFT = "registration"
SHORTEST_PASSWORD = 8
"""For keeping it before identity has seen it; what is weak identity alone knows."""

ANSWERS: Answers = {
    "login-too-short": ("login", _("Use at least 3 characters")),
    "login-invalid": ("login", _("Use letters, digits, dot, hyphen and underscore")),
    "login-reserved": (
        "login",
        _("This looks like an account number. If you had the old portal, just sign in; if not, choose another login"),
    ),
    "login-taken": ("login", _("This login is taken. Choose another")),
    "password-too-weak": ("password", _("This is easy to guess. Add a word or two")),
    "password-too-long": ("password", _("This is too long. Use at most 128 characters")),
    "passwords-differ": ("password_confirmation", _("The passwords differ")),
    "email-invalid": ("email", _("Check the address. It looks like name@mail.ru")),
    "phone-invalid": ("phone", _("Check the number. For example, +7 912 345-67-89")),
    "phone-proof-invalid": ("phone", _("More than 15 minutes have passed. Confirm the number again")),
}


@dataclass
class Draft:
    """What was typed so far; the passwords only where they may be kept."""

    form: Form
    known: PhoneCode
    password: str = ""

    @classmethod
    async def of(cls, visit: Visit, form: Form) -> "Draft":
        kept = await visit.drafts.read(DRAFT)
        for name in ("login", "email", "phone"):
            form.values.setdefault(name, kept.get(name, ""))
        return cls(form, PhoneCode.kept(kept), kept.get("password", ""))

    async def keep(self, visit: Visit) -> None:
        typed = {name: self.form.values.get(name, "") for name in ("login", "email", "phone")}
        await visit.drafts.keep(DRAFT, **typed, password=self.password, **self.known.as_kept())

    def take_passwords(self) -> None:
        """What is typed now stands before what was kept; what differs or is too short is not kept."""
        first, second = self.form.values.get("password", ""), self.form.values.get("password_confirmation", "")
        if first or second:
            self.password = first if first == second and len(first) >= SHORTEST_PASSWORD else ""

    @property
    def password_saved(self) -> bool:
        return bool(self.password) and not {"password", "password_confirmation"} & self.form.errors.keys()


@routes.get("/registration")
async def show(visit: AnyVisit) -> Response:
    draft = await Draft.of(visit, visit.form(*NAMES))
    if draft.known.sent:
        draft.form.focus = "code"
    return await _page(visit, draft)


@routes.post("/registration")
async def act(visit: AnyVisit) -> Response:
    """By the button that was pressed; Enter is the one that registers."""
    form = visit.submitted(*NAMES)
    try:
        return await _pressed(visit, await Draft.of(visit, form))
    except Away as problem:  # Redis: nothing can be kept, and what was typed is in the page
        form.refused(problem)
        return await _page(visit, Draft(form, PhoneCode()))


async def _pressed(visit: Visit, draft: Draft) -> Response:
    draft.take_passwords()
    match visit.typed.get("action"):
        case "send_code":
            draft.known = await phone_codes.send(visit, draft.form, draft.known, "registration")
        case "change_password":
            draft.password = ""
        case "change_phone":
            draft.known = PhoneCode()
            draft.form.values["phone"] = ""
        case _:
            return await _register(visit, draft)
    await draft.keep(visit)
    return await (visit.go("/registration") if draft.form.sound else _page(visit, draft))


async def _register(visit: Visit, draft: Draft) -> Response:
    form = draft.form
    form.require(login=_("Choose a login"), email=_("Enter your e-mail"))
    password, confirmation = form.values["password"], form.values["password_confirmation"]
    if not password and not confirmation:
        password = confirmation = draft.password
    if not password:
        form.wrong("password", _("Choose a password"))
    if form.notice is None:
        draft.known = await phone_codes.check(visit, form, draft.known)
        await draft.keep(visit)  # a right code is spent: its proof must not get lost with the answer
    if form.notice is None and await _registered(visit, draft, password, confirmation):
        return await visit.go("/registration/letter")
    if not draft.password_saved:
        draft.password = ""
    await draft.keep(visit)
    return await _page(visit, draft)


async def _registered(visit: Visit, draft: Draft, password: str, confirmation: str) -> bool:
    """Also a form that cannot be right goes to identity, without a proof: it names all that is wrong at once."""
    form = draft.form
    proof = draft.known.proof if form.sound else ""
    consents = [visit.settings.consent_document] if visit.settings.consent_document else []
    body: dict[str, Any] = {name: form.typed(name) for name in ("login", "email", "phone")}
    body |= {"password": password, "password_confirmation": confirmation, "phone_proof": proof}
    body |= {"locale": visit.locale, "consents": consents}
    try:
        answer = await visit.ask("identity", "POST", "/v1/registrations", body, once=form.once if proof else "")
    except NotDone as problem:
        _refuse(draft, problem, proof)
        return False
    await visit.drafts.forget(DRAFT)
    await visit.drafts.keep("registered", id=answer["id"], email=answer["email"], login=form.typed("login"))
    return True


def _refuse(draft: Draft, problem: NotDone, proof: str) -> None:
    form = draft.form
    if proof:
        form.refused(problem, ANSWERS)
        if isinstance(problem, Refused) and any(one.code == "phone-proof-invalid" for one in problem.fields):
            draft.known = PhoneCode()
    elif isinstance(problem, Refused) and problem.code == "invalid-fields":
        told = [one for one in problem.fields if one.code != "phone-proof-invalid"]
        form.refused(replace(problem, fields=told), ANSWERS)


async def _page(visit: Visit, draft: Draft) -> Response:
    return await visit.page(
        "registration.html", form=draft.form, known=draft.known, password_saved=draft.password_saved
    )
