"""What goes with every answer, and the pages for what went wrong."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from portal.settings import PortalSettings
from portal.web.visiting import Visit
from shared.languages import _
from shared.problems import Renderer

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "otp-credentials=(self), camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}
OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}

ERRORS = {
    400: (_("This could not be read"), _("Go back, reload the page and try again.")),
    403: (_("This did not come from Kabinet"), _("Open the page here and press the button once more.")),
    404: (_("Page not found"), _("It may have moved, or the address has a typo.")),
    405: (_("Page not found"), _("It may have moved, or the address has a typo.")),
    408: (_("That took too long"), _("The connection is slow. Go back and try again.")),
    413: (_("That is too much"), _("Go back and make the text shorter.")),
    415: (_("This could not be read"), _("Go back, reload the page and try again.")),
    429: (_("Too many requests"), _("Wait a little and try again.")),
    500: (_("Something went wrong on our side"), _("We know about it. Your data and accounts are fine.")),
    503: (
        _("Kabinet is not responding yet"),
        _("We cannot show this page now. Your data and accounts are fine. Try again in a couple of minutes."),
    ),
}


def dress(response: Response, settings: PortalSettings, visit: Visit | None) -> Response:
    """The headers that every page has, and the visit's cookies."""
    for name, value in (HEADERS | (OVER_TLS if settings.behind_tls else {})).items():
        response.headers[name] = value
    if visit is not None:
        visit.cookies.write(response)
    return response


async def error_page(visit: Visit, status: int, retry_after: int | None = None) -> HTMLResponse:
    """A page for people instead of the one that they asked for."""
    headers = {"Retry-After": str(retry_after or 60)} if status in (429, 503) else {}
    return HTMLResponse(_rendered(visit, status), status, headers)


def _rendered(visit: Visit, status: int) -> str:
    title, text = ERRORS.get(status, ERRORS[500 if status >= 500 else 400])
    again = visit.request.url.path if visit.request.method == "GET" else "/"
    shown = {"title": title, "text": text, "status": status, "again": again}
    return visit.wired.rendering.page("error.html", visit.locale, visit=visit, form=None, flash=None, tab="", **shown)


class PageRenderer(Renderer):
    """Whatever is refused or fails before, between and behind the pages is a page too."""

    def answer(
        self,
        request: Request,
        status: int,
        code: str,
        detail: str,
        members: Mapping[str, Any],
        headers: dict[str, str],
    ) -> Response:
        wired = request.app.state.wired
        visit = getattr(request.state, "visit", None) or Visit(request, wired)
        if status in (429, 503):
            headers.setdefault("Retry-After", "60")
        return dress(HTMLResponse(_rendered(visit, status), status, headers), wired.settings, visit)
