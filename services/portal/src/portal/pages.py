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
WHERE = _("The pages for registration, sign-in and accounts will be here. The services behind them already answer.")

routes = APIRouter(include_in_schema=False)
_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)


@routes.get("/", response_class=HTMLResponse)
async def start(request: Request) -> HTMLResponse:
    """Where the cabinet will be."""
    locale = preferred(request.headers.get("accept-language"))
    text = partial(translate, locale=locale)
    page = _templates.get_template("start.html").render(
        locale=locale, title=text(TITLE, "portal"), what=text(WHAT, "portal"), where=text(WHERE, "portal")
    )
    return HTMLResponse(page, headers=SECURITY)


@routes.get("/static/start.css")
async def style() -> FileResponse:
    return FileResponse(HERE / "static" / "start.css", media_type="text/css", headers={"Cache-Control": "max-age=3600"})
