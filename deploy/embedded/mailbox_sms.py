"""The mailbox as a second SMS operator, with the older kind of gateway, and its receipts of what was delivered."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from fastapi import APIRouter, BackgroundTasks, Request, Response

from deploy.embedded.messages import Messages

LOGIN = "kabinet"
FORM = "application/x-www-form-urlencoded"
HERE = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Receipts:
    """Tells whoever sent an SMS that it was delivered, if it is on one of these hosts."""

    secret: str = field(repr=False)
    hosts: Sequence[str] = HERE

    async def send(self, url: str, body: str, kind: str) -> None:
        """Once; a receiver that is away learns nothing, as with a real operator that has given up."""
        if urlsplit(url).hostname not in self.hosts:
            return
        now = int(time.time())
        signed = hmac.new(self.secret.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": kind, "X-Signature": f"t={now},v1={signed}"}
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
                await client.post(url, content=body, headers=headers)
        except httpx2.HTTPError:
            return


def older_gateway(messages: Messages, token: str, receipts: Receipts) -> APIRouter:
    """Forms in and out at `/http/send` and `/http/status`; each post is an SMS, also under the same reference."""
    router = APIRouter(prefix="/http", include_in_schema=False)

    @router.post("/send")
    async def send(request: Request, background: BackgroundTasks) -> Response:
        form = await read(request)
        if not known(form, token):
            return answer(401, error="login")
        reference, phone, text = form.get("reference", ""), form.get("phone", ""), form.get("text", "")
        if not reference or not text or not re.fullmatch(r"\+[0-9]{10,15}", phone):
            return answer(422, error="form")
        sent = messages.add_sms_anew(reference, phone, form.get("from", ""), text)
        if url := form.get("receipt_url"):
            told = urlencode({"reference": reference, "status": "delivered"})
            background.add_task(receipts.send, url, told, FORM)
        return answer(200, id=sent.id, status="sent")

    @router.post("/status")
    async def status(request: Request) -> Response:
        form = await read(request)
        if not known(form, token):
            return answer(401, error="login")
        found = messages.sms_of(form.get("reference", ""))
        return answer(200, status="delivered" if found else "unknown")

    return router


async def read(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body())[:8192].decode(errors="replace"), max_num_fields=20))


def known(form: dict[str, str], token: str) -> bool:
    right = secrets.compare_digest(form.get("password", "").encode(), token.encode())
    return right and form.get("login") == LOGIN


def answer(code: int, **words: str) -> Response:
    return Response(urlencode(words), code, media_type=FORM)
