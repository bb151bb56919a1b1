"""`/accounts/new`: asking for an account by its number and the amount of a recent payment."""

import re
from contextlib import suppress
from typing import Any
from uuid import UUID

from fastapi import Response
from markupsafe import Markup

from portal.forms import Answers, Form
from portal.refusing import NotDone, Refused
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _

routes = pages()

NAMES = ("account_number", "amount")
ANSWER_SECONDS = 5
"""So long the button waits for the result: the check usually takes less."""
LINKED = _("Account {number} is linked")
# What people type around the digits of a number or an amount, as receipts and bank slips print it.
_AROUND = re.compile(r"[\s№₽]|(?:руб|р)\.?\s*$", re.IGNORECASE)


def _too_many(refused: NotDone, words: Words) -> Markup:
    return words(
        _("Too many attempts. Try again {time}"), time=words.time_left(getattr(refused, "retry_after", None) or 60)
    )


ANSWERS: Answers = {
    "account-number-invalid": ("account_number", _("The number has 5 to 14 digits")),
    "already-linked": ("account_number", _("This account is already here")),
    "amount-invalid": ("amount", _("Use digits, for example 1234.00")),
    "amount-needs-kopecks": ("amount", _("Add the kopecks, for example 1234.00")),
    "amount-zero": ("amount", _("The payment must be above zero")),
    "too-many-attempts": (None, _too_many),
    "too-many-accounts": (None, _("No more accounts can be added. Remove one first")),
}


@routes.get("/accounts/new")
async def show(visit: OwnVisit) -> Response:
    """`?again=`: the refused request that is tried once more, by its id; its number is filled in."""
    form = visit.form(*NAMES)
    if again := _uuid(visit.request.query_params.get("again", "")):
        with suppress(NotDone):
            request = await visit.own("billing-link", "GET", f"/v1/link-requests/{again}")
            form.values["account_number"], form.focus = request["account_number"], "amount"
    return await adding_page(visit, form)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@routes.post("/accounts/new")
async def ask(visit: OwnVisit) -> Response:
    form = visit.submitted(*NAMES)
    form.require(account_number=_("Enter the account number"), amount=_("Enter the amount"))
    # Where one is missing, billing-link still says what is wrong with the other.
    if form.notice is None and any(form.typed(name) for name in NAMES):
        body = {name: without_signs(form.values[name]) for name in NAMES}
        try:
            asked = await visit.own("billing-link", "POST", "/v1/link-requests", body, once=form.once)
        except NotDone as problem:
            if isinstance(problem, Refused) and problem.code == "link-pending" and problem.location:
                return await _with_result(visit, problem.location)  # another tab has asked
            form.refused(problem, ANSWERS)
        else:
            return await _with_result(visit, f"/v1/link-requests/{asked['id']}")
    return await adding_page(visit, form)


def without_signs(typed: str) -> str:
    """A number or an amount as billing-link takes it: what is typed around its digits goes, and nothing else."""
    return _AROUND.sub("", typed)


async def _with_result(visit: Visit, request_path: str) -> Response:
    """To the list, which shows what came of it, or that it is still being checked."""
    with suppress(NotDone):
        path = f"{request_path}?wait={ANSWER_SECONDS}"
        request = await visit.own("billing-link", "GET", path, wait=ANSWER_SECONDS)
        if request["status"] == "linked":
            return await visit.go("/accounts", LINKED, number=request["account_number"])
    return await visit.go("/accounts")


async def adding_page(visit: Visit, form: Form, *, first: bool = False, me: dict[str, Any] | None = None) -> Response:
    """`first`: instead of an empty list, where there is nothing to go back to."""
    return await visit.page("accounts/new.html", form=form, first=first, me=me, tab="accounts")
