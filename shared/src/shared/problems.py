"""Problems: every refusal and failure as RFC 9457 problem+json, in ru and en, without an echo of what came in."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared import metrics
from shared.languages import _, preferred, translate
from shared.logging import logger
from shared.refusals import InvalidFields, Refusal

_log = logger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DETAILS = {
    400: (
        "bad-request",
        _("The request could not be read. Check it and send it again."),
    ),
    401: (
        "not-authenticated",
        _("Sign in again: the access token is missing, has run out or was ended."),
    ),
    403: ("forbidden", _("This is not allowed.")),
    404: ("not-found", _("There is nothing here.")),
    405: (
        "method-not-allowed",
        _("This address does not take this method; see the Allow header."),
    ),
    408: ("request-timeout", _("The request arrived too slowly. Send it again.")),
    409: ("conflict", _("This conflicts with what is there now.")),
    413: ("body-too-large", _("The body is too large.")),
    415: (
        "unsupported-media-type",
        _("Send JSON with Content-Type: application/json."),
    ),
    422: ("invalid-fields", _("Some fields need your attention.")),
    429: ("too-many-requests", _("Too many requests. Try again later.")),
    500: ("internal-error", _("Something went wrong on our side. Try again later.")),
    503: ("unavailable", _("This is not working right now. Try again in a moment.")),
}
FIELD_DETAILS = {
    "missing": _("This field is required."),
    "unknown-field": _("This field is not known here."),
    "invalid": _("This value is not of the expected form."),
}
_PYDANTIC_CODES = {"missing": "missing", "extra_forbidden": "unknown-field"}


PROBLEM = {
    "description": "What went wrong, and what to do next (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                    "type": {"type": "string", "format": "uri"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string", "description": "stable, in kebab-case"},
                    "detail": {"type": "string", "description": "in ru or en, by Accept-Language"},
                    "errors": {
                        "type": "array",
                        "description": "with `invalid-fields`: one entry for each field",
                        "items": {
                            "type": "object",
                            "required": ["field", "code", "detail"],
                            "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
                        },
                    },
                },
            }
        }
    },
}
"""How every error looks, for the service's OpenAPI."""


class InvalidJson(Refusal):
    status = 400
    code = "invalid-json"
    detail = _("The body is not valid JSON.")


class NotAuthenticated(Refusal):
    status = 401
    code, detail = DETAILS[401]

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="kabinet"'})


class NotFound(Refusal):
    """What is not there, and what belongs to someone else: alike."""

    status = 404
    code, detail = DETAILS[404]


class Unavailable(Refusal):
    status = 503
    code, detail = DETAILS[503]

    def __init__(self, retry_after: int = 5, **members: Any) -> None:
        super().__init__(retry_after=retry_after, **members)


class Renderer:
    """Turns exceptions into answers, with texts of the service's own catalogue before the kernel's."""

    def __init__(self, package: str) -> None:
        self._packages = (package, "shared")

    def text(self, msgid: str, request: Request) -> str:
        return translate(
            msgid,
            *self._packages,
            locale=preferred(request.headers.get("accept-language")),
        )

    def refusal(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        for one in refusal.refusals if isinstance(refusal, InvalidFields) else (refusal,):
            metrics.refusals.labels(one.code).inc()
        if refusal.field is not None:
            refusal = InvalidFields(refusal)
        members = dict(refusal.members)
        if isinstance(refusal, InvalidFields):
            members["errors"] = [
                {
                    "field": one.field,
                    "code": one.code,
                    "detail": self.text(one.detail, request),
                    **one.members,
                }
                for one in refusal.refusals
            ]
        headers = dict(refusal.headers)
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(max(1, refusal.retry_after))
        return self.answer(request, refusal.status, refusal.code, refusal.detail, members, headers)

    def http(self, request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        code, detail = DETAILS.get(problem.status_code, DETAILS[500 if problem.status_code >= 500 else 400])
        metrics.refusals.labels(code).inc()
        headers = dict(problem.headers or {})
        if problem.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request))
        return self.answer(request, problem.status_code, code, detail, {}, headers)

    def validation(self, request: Request, problem: Exception) -> Response:
        assert isinstance(problem, RequestValidationError)
        found = problem.errors()
        if any(error["type"] == "json_invalid" for error in found):
            return self.refusal(request, InvalidJson())
        errors = [self._field(request, error["loc"], error["type"]) for error in found]
        code, detail = DETAILS[422]
        metrics.refusals.labels(code).inc()
        return self.answer(request, 422, code, detail, {"errors": errors}, {})

    def failure(self, request: Request, problem: Exception) -> Response:
        """A bug, or a database that is away."""
        if request.app.state.is_transient(problem):
            _log.warning("request_failed_transiently", cause=type(problem).__name__)
            return self.refusal(request, Unavailable())
        _log.error("request_failed", cause=type(problem).__name__, exc_info=problem)
        metrics.refusals.labels(DETAILS[500][0]).inc()
        return self.answer(request, 500, *DETAILS[500], {}, {})

    def _field(self, request: Request, loc: Sequence[Any], kind: str) -> dict[str, str]:
        code = _PYDANTIC_CODES.get(kind, "invalid")
        # An unknown field's name is the caller's own text, and is not echoed.
        name = "" if code == "unknown-field" else ".".join(str(part) for part in loc[1:])
        return {
            "field": name,
            "code": code,
            "detail": self.text(FIELD_DETAILS[code], request),
        }

    def answer(
        self,
        request: Request,
        status: int,
        code: str,
        detail: str,
        members: Mapping[str, Any],
        headers: dict[str, str],
    ) -> Response:
        """The one form of them all; the portal's is a page."""
        body = {
            "type": f"urn:kabinet:problem:{code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": self.text(detail, request),
            **members,
        }
        if status == 503:
            headers.setdefault("Retry-After", "5")
        return JSONResponse(body, status, headers, media_type="application/problem+json")


def _allowed(request: Request) -> list[str]:
    """Every method of the address; the router names those of its first route alone."""
    asked = [(method, {**request.scope, "method": method}) for method in METHODS]
    return [name for name, scope in asked if any(one.matches(scope)[0] is Match.FULL for one in request.app.routes)]


def install(app: FastAPI, renderer: Renderer) -> None:
    app.add_exception_handler(Refusal, renderer.refusal)
    app.add_exception_handler(HTTPException, renderer.http)
    app.add_exception_handler(RequestValidationError, renderer.validation)
