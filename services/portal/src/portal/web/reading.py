"""Forms as they come over HTTP: where from, how large, how slowly, and of what."""

import asyncio
from typing import ClassVar
from urllib.parse import parse_qsl

from fastapi import Request

from portal.settings import PortalSettings
from shared.problems import DETAILS
from shared.refusals import Refusal

FIELDS = 50


class FormNotReadable(Refusal):
    status: ClassVar[int] = 400
    code, detail = DETAILS[400]


class FormOfAnotherSite(Refusal):
    """Another site's page, or nobody's, made the browser send it."""

    status: ClassVar[int] = 403
    code, detail = DETAILS[403]


class FormTooSlow(Refusal):
    status: ClassVar[int] = 408
    code, detail = DETAILS[408]


class FormTooLarge(Refusal):
    status: ClassVar[int] = 413
    code, detail = DETAILS[413]


class NotAForm(Refusal):
    status: ClassVar[int] = 415
    code, detail = DETAILS[415]


def require_own_site(request: Request, settings: PortalSettings) -> None:
    """Every browser of the last years tells where a form is from; without a word of it nothing is changed."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise FormOfAnotherSite
    elif request.headers.get("origin") != settings.public_url:
        raise FormOfAnotherSite


async def read_form(request: Request, settings: PortalSettings) -> dict[str, str]:
    """The fields by name, line ends as `\\n`; of a name that comes twice, the first."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise NotAForm
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > settings.max_body_bytes:
        raise FormTooLarge
    try:
        async with asyncio.timeout(settings.request_seconds):
            body = await _limited(request, settings.max_body_bytes)
    except TimeoutError:
        raise FormTooSlow(headers={"Connection": "close"}) from None
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise FormNotReadable from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value.replace("\r\n", "\n"))
    if any("\x00" in value for value in fields.values()):
        raise FormNotReadable
    return fields


async def _limited(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise FormTooLarge
    return bytes(body)
