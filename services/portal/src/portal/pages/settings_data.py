"""`/settings/data`: everything that the services hold of the person, in one archive. All of it, or none."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

from fastapi import Response

from portal.forms import Notice
from portal.refusing import Away, NotDone
from portal.web.routes import OwnVisit, pages
from portal.web.visiting import Visit
from portal.words import Words
from shared.languages import _

routes = pages()

PARTS = (
    ("me", "identity", "/v1/me", _("login, e-mail, phone and language")),
    ("history", "identity", "/v1/me/history?limit=100", _("sign-ins, changes and consents")),
    ("sessions", "identity", "/v1/sessions", _("devices where you are signed in")),
    ("accounts", "billing-link", "/v1/accounts", _("accounts and the names that you gave them")),
    ("link-requests", "billing-link", "/v1/link-requests?limit=100", _("requests to add an account")),
    ("notifications", "notifier", "/v1/notifications?limit=100", _("what we sent you and when, without contents")),
)
"""Name, where it is read, and what it is."""
WAIT_SECONDS = 2.0
"""What each call adds to the page's time: somebody who downloads waits longer than for a page."""


@routes.get("/settings/data")
async def show(visit: OwnVisit) -> Response:
    return await visit.page("settings/data.html", form=visit.form(), tab="settings", parts=PARTS)


@routes.post("/settings/data")
async def download(visit: OwnVisit) -> Response:
    form = visit.submitted()
    if form.sound:
        try:
            return _attached(visit, await _collected(visit))
        except Away:
            told = _(
                "The archive cannot be made right now: it must hold everything, and a part does not answer."
                " Try again in a couple of minutes"
            )
            form.say(Notice(visit.words(told)), 503)
        except NotDone as problem:
            form.refused(problem)
    return await visit.page("settings/data.html", form=form, tab="settings", parts=PARTS)


async def _collected(visit: Visit) -> dict[str, Any]:
    """Every part, asked for side by side; the first that fails fails all, when none is under way any more."""
    calls = [_whole(visit, service, path) for _name, service, path, _what in PARTS]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return {part[0]: answer for part, answer in zip(PARTS, answers, strict=True)}


async def _whole(visit: Visit, service: str, path: str) -> Any:
    """The answer; of a list all its pages."""
    answer = await visit.own(service, "GET", path, wait=WAIT_SECONDS)
    if "items" not in answer:
        return answer
    items = list(answer["items"])
    while cursor := answer.get("next_cursor"):
        answer = await visit.own(service, "GET", f"{path}&cursor={quote(cursor, safe='')}", wait=WAIT_SECONDS)
        items += answer["items"]
    return items


def _attached(visit: Visit, collected: Mapping[str, Any]) -> Response:
    now = datetime.now(visit.settings.time_zone)
    texts = {f"{name}.json": json.dumps(part, ensure_ascii=False, indent=2) for name, part in collected.items()}
    name = f"kabinet-{now:%Y-%m-%d}.zip"
    return Response(
        packed({"readme.txt": readme(visit.words, now)} | texts),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def readme(words: Words, now: datetime) -> str:
    """What is in the archive, for whoever opens it years later."""
    lines = [words(_("What Kabinet held about you on {date}"), date=words.date(now)).unescape(), ""]
    lines += [f"{name}.json: {words(what).unescape()}" for name, _service, _path, what in PARTS]
    return "\r\n".join(lines) + "\r\n"


def packed(texts: Mapping[str, str]) -> bytes:
    """A zip of texts."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return made.getvalue()
