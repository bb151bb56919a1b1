"""`/recovery` and `/password-reset`: a new password by a link in a letter."""

from fastapi import Response

from portal.forms import Form
from portal.pages.links import RECOVERY
from portal.pages.new_passwords import NEW_PASSWORD, require_new
from portal.refusing import Away, NotDone, Refused
from portal.web.routes import AnyVisit, pages
from portal.web.visiting import Visit
from shared.languages import _

routes = pages()


@routes.get("/recovery")
async def show(visit: AnyVisit) -> Response:
    """The form; once after it was sent, what happens now: the same for whoever exists and whoever does not."""
    if await visit.taken("recovery_asked"):
        return await visit.page("recovery_asked.html")
    return await visit.page("recovery.html", form=visit.form("login_or_email"))


@routes.post("/recovery")
async def ask(visit: AnyVisit) -> Response:
    form = visit.submitted("login_or_email")
    form.require(login_or_email=_("Enter your login, e-mail or account number"))
    if form.sound:
        body = {"login_or_email": form.typed("login_or_email")[:320]}
        try:
            await visit.ask("identity", "POST", "/v1/password-recoveries", body, once=form.once)
        except NotDone as problem:
            form.refused(problem)
        else:
            try:
                await visit.note(recovery_asked=True)
            except Away:
                return await visit.page("recovery_asked.html")
            return await visit.go("/recovery")
    return await visit.page("recovery.html", form=form)


@routes.get("/password-reset")
async def show_reset(visit: AnyVisit) -> Response:
    if not visit.cookies.get(RECOVERY):
        return await _dead(visit)
    return await _reset_page(visit, visit.form("password", "password_confirmation"))


@routes.post("/password-reset")
async def reset(visit: AnyVisit) -> Response:
    """The token stays in its cookie between errors; every session of the person ends with the old password."""
    if not (token := visit.cookies.get(RECOVERY)):
        return await _dead(visit)
    form = visit.submitted("password", "password_confirmation")
    require_new(form)
    if form.sound:
        try:
            await visit.ask("identity", "POST", "/v1/password-resets", {"token": token, **form.values})
        except NotDone as problem:
            if isinstance(problem, Refused) and problem.status == 410:
                visit.cookies.drop(RECOVERY)
                return await _dead(visit)
            form.refused(problem, NEW_PASSWORD)
        else:
            visit.cookies.drop(RECOVERY)
            if visit.signed_in:
                await visit.leave()
            return await visit.go("/login", _("New password saved. You are signed out everywhere"))
    return await _reset_page(visit, form)


async def _reset_page(visit: Visit, form: Form) -> Response:
    return await visit.page("password_reset.html", form=form)


async def _dead(visit: Visit) -> Response:
    return await visit.page("dead_link.html", status=410, recovery=True)
