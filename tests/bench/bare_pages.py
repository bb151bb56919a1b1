"""Two stand-ins, as one program: bare pages of Jinja2, and services whose answers stand ready."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import uvloop
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import SecretStr

from portal.assets import Assets
from portal.forms import Form
from portal.pages.accounts import Card
from portal.rendering import Rendering
from portal.settings import PortalSettings
from shared.serving import serve_http

USER_ID = "01990000-0000-7000-8000-000000000001"
ACCOUNTS = [
    {
        "account_number": f"6712345{n}",
        "alias": "Дача" if n else None,
        "address": "Тверь, ул. Сад…, д. …, кв. …",
        "linked_at": "2026-11-25T09:00:00Z",
        "origin": "amount",
        "closed_on": None,
    }
    for n in range(2)
]
ME = {
    "id": USER_ID,
    "login": "petrova",
    "email": "petrova@example.org",
    "email_confirmed": True,
    "pending_email": None,
    "locale": "ru",
    "password_weak": False,
}
SIGNED_IN = {
    "access_token": "access" * 60,
    "refresh_token": "refresh" * 8,
    "expires_in": 3600,
    "refresh_expires_in": 86_400,
    "session_id": USER_ID,
    "device": "d" * 43,
    "user": ME,
}

app = FastAPI(telemetry={"logs": False, "tracing": False, "metrics": False})


def _visit(rendering: Rendering, signed_in: bool) -> Any:
    """What the templates ask a visit for."""
    return SimpleNamespace(
        signed_in=signed_in, form_token="t" * 64, ref=lambda _number: "abcdefghij", words=rendering.words["ru"]
    )


@app.get("/login")
async def login() -> HTMLResponse:
    rendering: Rendering = app.state.rendering
    form = Form(rendering.words["ru"], ("login", "password"), once="o" * 43)
    visit = _visit(rendering, False)
    return HTMLResponse(rendering.page("login.html", "ru", visit=visit, form=form, flash=None, tab="", status=200))


@app.get("/accounts")
async def accounts() -> HTMLResponse:
    """The same five questions to the services, and nothing else of ours."""
    rendering: Rendering = app.state.rendering
    known, held, _asked = await asyncio.gather(
        *(_answer(path) for path in ("me", "accounts", "link-requests?limit=100"))
    )
    await asyncio.gather(*(_answer(f"accounts/{one['account_number']}/holders") for one in held["items"]))
    context = {"visit": _visit(rendering, True), "form": None, "flash": None, "tab": "accounts", "status": 200}
    cards = [Card(account=account) for account in held["items"]]
    return HTMLResponse(rendering.page("accounts/list.html", "ru", cards=cards, me=known, **context))


async def _answer(path: str) -> dict[str, Any]:
    answer = await app.state.services.get(f"/v1/{path}")
    found: dict[str, Any] = answer.json()
    return found


@app.post("/v1/sessions", status_code=201)
async def sessions() -> dict[str, Any]:
    return SIGNED_IN


@app.get("/v1/me")
async def me() -> dict[str, Any]:
    return ME


@app.get("/v1/accounts")
async def held() -> dict[str, Any]:
    return {"items": ACCOUNTS}


@app.get("/v1/link-requests")
async def requests() -> dict[str, Any]:
    return {"items": [], "next_cursor": None}


@app.get("/v1/accounts/{number}/holders")
async def holders(number: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat()
    return {"items": [{"link_id": USER_ID, "you": True, "linked_at": since, "origin": "amount", "removable": False}]}


async def main() -> None:
    nowhere = "http://127.0.0.1:1"
    settings = PortalSettings(
        public_url=nowhere,
        identity_url=nowhere,
        verification_url=nowhere,
        billing_link_url=nowhere,
        notifier_url=nowhere,
        redis_url=SecretStr("redis://127.0.0.1:1"),
        public_keys_file=Path(os.devnull),
        private_keys_file=Path(os.devnull),
    )
    app.state.rendering = Rendering(settings, Assets())
    services = os.environ.get("BARE_SERVICES", nowhere)
    async with httpx2.AsyncClient(base_url=services, trust_env=False) as app.state.services:
        await serve_http(app, "127.0.0.1", int(os.environ["BARE_PORT"]), asyncio.Event())


if __name__ == "__main__":
    uvloop.run(main())
