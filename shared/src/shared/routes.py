"""Routes: the order of checks before an endpoint runs, and the limits on a request's size and time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.bearer import authenticate, signed_in
from shared.problems import InvalidJson, Unavailable

WAITING_SECONDS = 25.0
"""The time to answer for routes that take `?wait`."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """404 and 405 came first (routing); then 401, 415, 413, 408, 400, and only then 422 and the endpoint."""

    def get_route_handler(self) -> Handler:
        endpoint = super().get_route_handler()
        guarded = any(dependency.call is signed_in for dependency in self.dependant.dependencies)
        has_body = self.body_field is not None
        waits = any(parameter.name == "wait" for parameter in self.dependant.query_params)

        async def checked(request: Request) -> Response:
            settings = request.app.state.settings
            try:
                async with asyncio.timeout(WAITING_SECONDS if waits else settings.request_seconds):
                    if guarded:
                        request.state.who = await authenticate(request)
                    if has_body:
                        await _read_json(request, settings.max_body_bytes, settings.request_seconds)
                    return await endpoint(request)
            except TimeoutError:
                raise Unavailable from None

        return checked


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
        json.loads(request._body)
    except (ValueError, RecursionError):
        raise InvalidJson from None


def router(**arguments: Any) -> APIRouter:
    """An APIRouter whose routes are checked as the contract orders."""
    return APIRouter(route_class=Route, **arguments)
