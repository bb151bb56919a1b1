"""Idempotency-Key: the stored answer is a row of the effect's transaction, kept 24 hours."""

import json
import re
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Header, Request, Response
from fastapi.encoders import jsonable_encoder
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.languages import _
from shared.refusals import Refusal

_KEY = re.compile(r"[\x21-\x7e]{16,128}")
HOURS = 24


class IdempotencyKeyInvalid(Refusal):
    status: ClassVar[int] = 400
    code = "idempotency-key-invalid"
    detail = _("An Idempotency-Key has 16 to 128 visible ASCII characters.")


class IdempotencyKeyReused(Refusal):
    code = "idempotency-key-reused"
    detail = _("This Idempotency-Key was used for another request. Take a new one.")


class RequestInFlight(Refusal):
    status: ClassVar[int] = 409
    code = "request-in-flight"
    detail = _("The same request is still running. Wait a moment and send it again with the same key.")


async def _documented(
    idempotency_key: Annotated[
        str | None, Header(description="16 to 128 characters; the same key and body get the same answer for 24 hours")
    ] = None,
) -> None:
    """The key itself is read, and refused, where the effect's transaction is open."""


IDEMPOTENT = Depends(_documented)
"""In a route's `dependencies`: its OpenAPI names the header."""


def _scope(request: Request) -> bytes | None:
    """Route and user, or route and key alone for anonymous callers; None where no key was sent."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    who = getattr(request.state, "who", None)
    caller = "" if who is None else str(who.user_id)
    route = f"{request.method} {request.scope['path']}"
    return bytes(request.app.state.private_keys.hmac("idempotency scope", route, caller, key))


async def _body(request: Request) -> bytes:
    return bytes(request.app.state.private_keys.hmac("idempotency body", (await request.body()).hex()))


async def known_answer(session: AsyncSession, request: Request) -> Response | None:
    """The answer that the same key and body got before; call it first in the transaction of the effect."""
    scope = _scope(request)
    if scope is None:
        return None
    locked = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope, 0))")
    if not (await session.execute(locked, {"scope": scope.hex()})).scalar():
        raise RequestInFlight(retry_after=1)
    stored = text(
        "SELECT body, status, headers, answer FROM idempotent_answers"
        " WHERE scope = :scope AND answered_at > now() - make_interval(hours => :hours)"
    )
    row = (await session.execute(stored, {"scope": scope, "hours": HOURS})).first()
    if row is None:
        return None
    if row.body != await _body(request):
        raise IdempotencyKeyReused
    return Response(row.answer, row.status, row.headers, "application/json")


async def answered(
    session: AsyncSession,
    request: Request,
    status: int,
    content: Any,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer, remembered under the request's key (if it has one) with the effect that it tells of."""
    answer = json.dumps(jsonable_encoder(content), ensure_ascii=False, separators=(",", ":")).encode()
    scope = _scope(request)
    if scope is not None:
        statement = text(
            "INSERT INTO idempotent_answers (scope, body, status, headers, answer)"
            " VALUES (:scope, :body, :status, CAST(:headers AS jsonb), :answer)"
            " ON CONFLICT (scope) DO UPDATE SET body = excluded.body, status = excluded.status,"
            " headers = excluded.headers, answer = excluded.answer, answered_at = now()"
        )
        row = {
            "scope": scope,
            "body": await _body(request),
            "status": status,
            "answer": answer,
        }
        await session.execute(statement, {**row, "headers": json.dumps(headers or {})})
    return Response(answer, status, headers, "application/json")
