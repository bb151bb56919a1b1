"""The portal's pages."""

from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.languages import _, preferred, translate

HERE = Path(__file__).parent
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Language",
}
TITLE = _("Kabinet")
WHAT = _("The self-service account of an energy retailer's customers.")
MISSING = _("This page is not here yet")
WHERE = _("The pages for registration, sign-in and accounts will be here. The services behind them already answer.")

routes = APIRouter(include_in_schema=False)
_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)


@routes.get("/", response_class=HTMLResponse)
async def start(request: Request) -> HTMLResponse:
    """Where the cabinet will be."""
    return _page(request, TITLE, WHAT, WHERE)


@routes.get("/static/start.css")
async def style() -> FileResponse:
    return FileResponse(HERE / "static" / "start.css", media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@routes.get("/{rest:path}", response_class=HTMLResponse)
async def not_here_yet(request: Request) -> HTMLResponse:
    """Whatever else is asked for, the links of letters among it: a page for people. It must stay the last route."""
    return _page(request, MISSING, WHERE, status=404)


def _page(request: Request, title: str, *lines: str, status: int = 200) -> HTMLResponse:
    locale = preferred(request.headers.get("accept-language"))
    text = partial(translate, locale=locale)
    shown = [text(line, "portal") for line in lines]
    page = _templates.get_template("start.html").render(locale=locale, title=text(title, "portal"), lines=shown)
    return HTMLResponse(page, status, headers=SECURITY)
