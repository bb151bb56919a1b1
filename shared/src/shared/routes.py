"""Routes: the order of checks before an endpoint runs, and the limits on a request's size and time."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.bearer import authenticate, signed_in
from shared.problems import InvalidJson, NotFound, Unavailable

WAITING_SECONDS = 25.0
"""The time to answer for routes that take `?wait`."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """404 and 405 came first (routing); then 401, 415, 413, 408, 400, and only then 422 and the endpoint."""

    def get_route_handler(self) -> Handler:
        endpoint = super().get_route_handler()
        guarded = _needs(self.dependant, signed_in)
        has_body = self.body_field is not None
        waits = any(parameter.name == "wait" for parameter in self.dependant.query_params)

        async def checked(request: Request) -> Response:
            settings = request.app.state.settings
            _refuse_nul(request)
            if guarded:
                request.state.who = await _in_time(authenticate(request), settings.request_seconds)
            if has_body:
                await _read_json(request, settings.max_body_bytes, settings.request_seconds)
            return await _in_time(endpoint(request), WAITING_SECONDS if waits else settings.request_seconds)

        return checked


async def _in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """What takes longer, or waited in vain for something outside, is a 503."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unavailable from None


def _needs(dependant: Dependant, call: Callable[..., Any]) -> bool:
    return any(one.call is call or _needs(one, call) for one in dependant.dependencies)


def _refuse_nul(request: Request) -> None:
    """No text here may hold NUL: PostgreSQL's cannot, and it is no one's name, number or id."""
    if "\x00" in request.scope["path"]:
        raise NotFound
    if b"%00" in request.scope["query_string"]:
        raise HTTPException(400)


async def _read_json(request: Request, limit: int, seconds: float) -> None:
    """Read the body once, within its limits, and refuse what is not JSON; the endpoint finds it cached."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise HTTPException(413)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise HTTPException(413)
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    request._body = b"".join(chunks)
    try:
        parsed = json.loads(request._body, parse_constant=_not_json)
        # What PostgreSQL, or UTF-8, has no place for: NUL and halves of surrogate pairs, escaped or as they are.
        if (b"\\u" in request._body or b"\xed" in request._body) and _UNSTORABLE.search(_texts(parsed)):
            raise InvalidJson
    except (ValueError, RecursionError):
        raise InvalidJson from None


def _not_json(name: str) -> None:
    """NaN and Infinity, which Python's parser would take."""
    raise ValueError(name)


def _texts(parsed: Any) -> str:
    """Every name and text of the document, one after another."""
    if isinstance(parsed, dict):
        return "".join(name + _texts(value) for name, value in parsed.items())
    if isinstance(parsed, list):
        return "".join(map(_texts, parsed))
    return parsed if isinstance(parsed, str) else ""


def router(**arguments: Any) -> APIRouter:
    """An APIRouter whose routes are checked as the contract orders."""
    return APIRouter(route_class=Route, **arguments)
