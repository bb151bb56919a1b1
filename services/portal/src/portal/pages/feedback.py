"""`/feedback`: a message to support, also from somebody who cannot get in."""

from contextlib import suppress
from dataclasses import replace

from fastapi import Response

from portal.forms import Answers, Form
from portal.refusing import Away, NotDone, SessionEnded
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from shared.contacts import mask_email
from shared.languages import _

routes = pages()

NAMES = ("topic", "message", "name", "reply_to", "account_number")
TOPICS = ("registration", "login", "linking", "other")
MOST_LETTERS = 4000
TOO_LONG = _("The message is longer than 4000 characters")

ANSWERS: Answers = {
    "topic-unknown": ("topic", _("Choose a topic")),
    "message-missing": ("message", _("Tell us what happened")),
    "message-too-long": ("message", TOO_LONG),
    "email-invalid": ("reply_to", _("Check the address. It looks like name@mail.ru")),
    "account-number-invalid": ("account_number", _("The number has 5 to 14 digits")),
    "too-many-messages": (None, _("Many messages came from you today. Write again tomorrow, or call us")),
}


@routes.get("/feedback")
async def show(visit: AnyVisit) -> Response:
    return await _page(visit, visit.form(*NAMES, **await _known(visit)))


async def _known(visit: Visit) -> dict[str, str | None]:
    """Of somebody signed in, where the services answer: the address, and the account where there is only one."""
    found: dict[str, str | None] = {}
    if visit.signed_in:
        with suppress(NotDone, SessionEnded):
            found["reply_to"] = (await visit.own("identity", "GET", "/v1/me"))["email"]
            accounts = (await visit.own("billing-link", "GET", "/v1/accounts"))["items"]
            if len(accounts) == 1:
                found["account_number"] = accounts[0]["account_number"]
    return found


@routes.post("/feedback")
async def send(visit: AnyVisit) -> Response:
    form = visit.submitted(*NAMES)
    if form.typed("topic") not in TOPICS:
        form.wrong("topic", _("Choose a topic"))
    form.require(message=_("Tell us what happened"), reply_to=_("Enter an e-mail for the answer"))
    if len(form.typed("message")) > MOST_LETTERS:
        form.wrong("message", TOO_LONG)
    if form.sound:
        body = {name: form.typed(name) for name in NAMES if form.typed(name) or name == "name"}
        try:
            answer = await visit.ask("notifier", "POST", "/v1/feedback", body, once=form.once)
        except NotDone as problem:
            _refuse(visit, form, problem)
        else:
            return await _received(visit, answer["reference"], mask_email(form.typed("reply_to")))
    return await _page(visit, form)


async def _received(visit: Visit, reference: str, email: str) -> Response:
    try:
        await visit.drafts.keep("receipt", reference=reference, email=email)
    except Away:  # also while nothing can be kept whoever cannot get in may write, and is told that it came
        return await visit.page("feedback_receipt.html", tab="feedback", reference=reference, email=email)
    return await visit.go("/feedback/receipt")


def _refuse(visit: Visit, form: Form, problem: NotDone) -> None:
    """Whoever cannot write to us may call."""
    form.refused(problem, ANSWERS)
    if form.notice is not None:
        call = visit.words(_("You can also call us: {phone}"), phone=visit.settings.retailer_phone)
        form.notice = replace(form.notice, more=call)


@routes.get("/feedback/receipt")
async def receipt(visit: AnyVisit) -> Response:
    known = await visit.drafts.read("receipt")
    if not known:
        return await visit.go("/feedback")
    return await visit.page("feedback_receipt.html", tab="feedback", **known)


async def _page(visit: Visit, form: Form) -> Response:
    return await visit.page("feedback.html", form=form, tab="feedback", most=MOST_LETTERS)
