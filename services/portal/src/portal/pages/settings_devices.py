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

routes = pages()

BROWSERS = (
    ("YaBrowser/", _("Yandex Browser")),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("MiuiBrowser/", "Mi Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""The first sign that is found: browsers name those that they are like, too."""
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(words: Words, user_agent: str | None) -> Markup:
    """`Chrome, Android`, of our own words alone: a user agent is what its sender wrote, and is never quoted."""
    agent = user_agent or ""
    found = [next((words(name) for sign, name in known if sign in agent), None) for known in (BROWSERS, SYSTEMS)]
    return Markup(", ").join(name for name in found if name) or words(_("A device that we do not know"))


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
