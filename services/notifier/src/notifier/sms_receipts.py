"""Receipts of SMS: what a provider tells later of a message that it took, signed with the secret it shares with us."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.languages import _
from shared.refusals import Refusal

TOLERANCE_SECONDS = 300
"""How old a signature may be: what somebody recorded is of no use later."""

received = Counter("kabinet_sms_receipts_total", "Receipts of SMS", ["provider", "status"])

_FORM = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)
_NOW = text("SELECT extract(epoch FROM now())")
# The last word about a message that was delivered: a late repeat of something else does not take it back.
_KEEP = text("""
    UPDATE attempts SET receipt = :status, receipt_at = now()
    WHERE id = (
        SELECT id FROM attempts WHERE notification_id = :id AND coalesce(provider, 'primary') = :provider
        ORDER BY started_at DESC LIMIT 1
    )
    AND receipt IS DISTINCT FROM 'delivered' AND receipt IS DISTINCT FROM :status
    RETURNING id
""")


class SignatureInvalid(Refusal):
    """Also for a provider that there is not, so that an answer does not tell whom we have a contract with."""

    status: ClassVar[int] = 401
    code = "signature-invalid"
    detail = _("The signature does not fit. Sign the body with the shared secret, and the time of sending.")


class ReceiptTooLarge(Refusal):
    status: ClassVar[int] = 413
    code = "body-too-large"
    detail = _("The body is too large.")


def signature(secret: str, sent_at: int, body: bytes) -> str:
    """The header `X-Signature` of a receipt: the time and an HMAC-SHA-256 over it, a point and the body."""
    return f"t={sent_at},v1={hmac.new(secret.encode(), b'%d.' % sent_at + body, hashlib.sha256).hexdigest()}"


async def receive(session: AsyncSession, provider: str, secrets: Mapping[str, str], signed: str, body: bytes) -> None:
    """Keep what the receipt says. The same again, or of a message that is not known any more, changes nothing."""
    form, secret = _FORM.fullmatch(signed), secrets.get(provider)
    if form is None or not secret:
        raise SignatureInvalid
    sent_at = int(form[1])
    right = hmac.compare_digest(signature(secret, sent_at, body), signed)
    if not right or abs(float(await session.scalar(_NOW)) - sent_at) > TOLERANCE_SECONDS:
        raise SignatureInvalid
    told = read(body)
    if told is None:
        return
    notification_id, status = told
    values = {"id": notification_id, "provider": provider, "status": status}
    if await session.scalar(_KEEP, values) is not None:
        received.labels(provider, status).inc()


def read(body: bytes) -> tuple[UUID, str] | None:
    """The message and its status, of a JSON document or a form; None for what says nothing final."""
    try:
        words = body.decode()
        if words.lstrip().startswith("{"):
            document = json.loads(words)
            name, status = document.get("message_id"), document.get("status")
        else:
            form = parse_qs(words, max_num_fields=20)
            name, status = form.get("reference", [""])[0], form.get("status", [""])[0]
        return (UUID(str(name)), str(status)) if status in ("delivered", "undelivered") else None
    except (ValueError, RecursionError):
        return None
