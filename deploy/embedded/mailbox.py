"""The mailbox: receives letters by SMTP and SMS by a provider's HTTP interface, and shows them."""

import argparse
import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import BackgroundTasks, Body, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from deploy.embedded.mailbox_pages import Pages
from deploy.embedded.mailbox_sms import HERE, Receipts, older_gateway
from deploy.embedded.messages import Channel, Messages, receiver


class Letters:
    """What aiosmtpd calls when a letter has come."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        self._messages.add_letter(envelope.original_content or b"", envelope.rcpt_tos)
        return "250 Message accepted for delivery"


def mailbox(messages: Messages, token: str, host: str, smtp_port: int, receipts_hosts: Sequence[str] = ()) -> FastAPI:
    """The HTTP side; while it runs, SMTP is open on its own port. Receipts go to this machine and to these hosts."""

    @asynccontextmanager
    async def with_smtp(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(Letters(messages), hostname="mailbox", enable_SMTPUTF8=True, loop=loop), host, smtp_port
        )
        async with server:
            yield

    receipts = Receipts(token, (*HERE, *receipts_hosts))

    def authenticated(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "not-authenticated", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="Mailbox", lifespan=with_smtp, docs_url=None, redoc_url=None)

    @app.get("/livez")
    @app.get("/readyz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/messages")
    def list_messages(to: str | None = None, channel: Channel | None = None) -> JSONResponse:
        """Newest first; `to` is one whole address or phone, without it all."""
        return JSONResponse({"items": [message.shown() for message in messages.of(receiver(to), channel)]})

    @app.post("/sms/messages", dependencies=[Depends(authenticated)])
    def send_sms(
        message_id: Annotated[str, Body(min_length=1, max_length=100)],
        to: Annotated[str, Body(pattern=r"^\+[0-9]{10,15}$")],
        sender: Annotated[str, Body(min_length=1, max_length=20)],
        text: Annotated[str, Body(min_length=1, max_length=1600)],
        background: BackgroundTasks,
        receipt_url: Annotated[str | None, Body(max_length=200)] = None,
    ) -> dict[str, str]:
        """The same `message_id` again is answered alike and sends no second SMS."""
        sent = messages.add_sms(message_id, to, sender, text)
        if receipt_url:
            body = json.dumps({"message_id": message_id, "status": "delivered"})
            background.add_task(receipts.send, receipt_url, body, "application/json")
        return {"id": sent.id}

    app.include_router(older_gateway(messages, token, receipts))

    pages = Pages(messages)
    app.include_router(pages.router)

    @app.exception_handler(404)
    async def missing(request: Request, _problem: Exception) -> Response:
        if request.url.path.startswith(("/api/", "/sms/", "/http/")):
            return JSONResponse({"detail": "Not Found"}, 404)
        return pages.missing(request)

    return app


def _token() -> str:
    if file := os.environ.get("MAILBOX_SMS_TOKEN_FILE"):
        return Path(file).read_text().strip()
    return os.environ.get("MAILBOX_SMS_TOKEN", "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="HTTP: the pages, /api/messages, /sms/messages")
    parser.add_argument("--smtp-port", type=int, default=10025)
    parser.add_argument("--folder", type=Path, required=True, help="where messages are kept")
    parser.add_argument(
        "--receipts-host", action="append", default=[], help="a host beside this machine that is told of delivered SMS"
    )
    chosen = parser.parse_args()
    if not (token := _token()):
        parser.error(
            "MAILBOX_SMS_TOKEN (or the file MAILBOX_SMS_TOKEN_FILE) must hold the token that senders of SMS show"
        )
    messages = Messages(chosen.folder / "messages.jsonl")
    app = mailbox(messages, token, chosen.host, chosen.smtp_port, chosen.receipts_host)
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_level="warning", timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
