"""`/settings/devices`: where the person is signed in, and the end of it, there or everywhere else."""

from uuid import UUID

from fastapi import Response
from markupsafe import Markup

from portal.refusing import Refused
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _
from shared.problems import NotFound
from shared.user_agents import device_names

routes = pages()


def device_name(words: Words, user_agent: str | None) -> Markup:
    """`Chrome, Android`, in the reader's language."""
    return Markup(", ").join(map(words, device_names(user_agent))) or words(_("A device that we do not know"))


@routes.get("/settings/devices")
async def show(visit: OwnVisit) -> Response:
    found = (await visit.own("identity", "GET", "/v1/sessions"))["items"]
    sessions = sorted(found, key=lambda one: not one["current"])
    devices = [{**one, "name": device_name(visit.words, one["user_agent"])} for one in sessions]
    return await visit.page("settings/devices.html", tab="settings", devices=devices)


@routes.post("/settings/devices")
async def end(visit: OwnVisit) -> Response:
    """The session that the button names, or all others."""
    if visit.typed.get("all_others"):
        await visit.own("identity", "DELETE", "/v1/sessions")
        return await visit.go("/settings/devices", _("You are signed out everywhere else"))
    await _end_one(visit, visit.typed.get("session", ""))
    return await visit.go("/settings/devices", _("You are signed out there"))


async def _end_one(visit: Visit, named: str) -> None:
    """One that has ended meanwhile is what was wanted."""
    try:
        session_id = UUID(named)
    except ValueError:
        raise NotFound from None
    try:
        await visit.own("identity", "DELETE", f"/v1/sessions/{session_id}")
    except Refused as refused:
        if refused.status != 404:
            raise
