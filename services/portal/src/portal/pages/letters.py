"""Waiting for a letter: `/registration/letter`, and `/login/confirmation` for whoever comes before confirming."""

from dataclasses import dataclass

from fastapi import Response
from markupsafe import Markup

from portal.forms import Answers, Form
from portal.refusing import NotDone
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _

routes = pages()


def _too_soon(refused: NotDone, words: Words) -> Markup:
    return words(_("You can ask again {time}"), time=words.time_left(getattr(refused, "retry_after", None) or 60))


ANSWERS: Answers = {"too-many-letters": (None, _too_soon)}


@dataclass(frozen=True)
class Waiting:
    """A page that waits, and the draft which knows for what."""

    path: str
    draft: str
    title: str
    text: str


REGISTERED = Waiting(
    "/registration/letter",
    "registered",
    _("One step left: confirm your e-mail"),
    _('We sent a letter to {email}. Open it and press "Confirm address"; then you can sign in.'),
)
NOT_CONFIRMED = Waiting(
    "/login/confirmation",
    "confirmation",
    _("Your e-mail is not confirmed yet"),
    _("The password is right. Press the button in the letter to {email}"),
)


@routes.get(REGISTERED.path)
async def show_registered(visit: AnyVisit) -> Response:
    return await _show(visit, REGISTERED)


@routes.post(REGISTERED.path)
async def send_to_registered(visit: AnyVisit) -> Response:
    return await _send(visit, REGISTERED)


@routes.get(NOT_CONFIRMED.path)
async def show_not_confirmed(visit: AnyVisit) -> Response:
    return await _show(visit, NOT_CONFIRMED)


@routes.post(NOT_CONFIRMED.path)
async def send_to_not_confirmed(visit: AnyVisit) -> Response:
    return await _send(visit, NOT_CONFIRMED)


async def _show(visit: Visit, waiting: Waiting) -> Response:
    known = await visit.drafts.read(waiting.draft)
    return await (_page(visit, waiting, visit.form(), known["email"]) if known else visit.go("/login"))


async def _send(visit: Visit, waiting: Waiting) -> Response:
    known = await visit.drafts.read(waiting.draft)
    if not known:
        return await visit.go("/login")
    form = visit.submitted()
    if form.sound:
        try:
            await visit.ask("identity", "POST", f"/v1/registrations/{known['id']}/letters")
        except NotDone as problem:
            form.refused(problem, ANSWERS)
        else:
            return await visit.go(waiting.path, _("Sent again"))
    return await _page(visit, waiting, form, known["email"])


async def _page(visit: Visit, waiting: Waiting, form: Form, email: str) -> Response:
    return await visit.page(
        "letter_waits.html", form=form, waiting=waiting, email=email, registered=waiting is REGISTERED
    )
