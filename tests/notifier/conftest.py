"""The notifier on a database of its own, with a mail server and an SMS gateway outside."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifier.main import service
from notifier.words import Retailer, Words
from shared.languages import catalogue
from tests.kit import Running
from tests.notifier.outside import Gateway, MailHost, gateway, mail_host

RETAILER = Retailer(
    origin="https://lk.example.ru",
    name_ru="Энергосбыт",
    name_ru_genitive="Энергосбыта",
    name_en="Energosbyt",
    phone="8 800 000-00-00",
    phone_from="8:00",
    phone_until="20:00",
    zone=ZoneInfo("Europe/Moscow"),
)


def words(locale: str) -> Words:
    return Words(locale, catalogue("notifier", locale), RETAILER)


@pytest.fixture
async def mail() -> AsyncIterator[MailHost]:
    async with mail_host() as host:
        yield host


@pytest.fixture
async def operator() -> AsyncIterator[Gateway]:
    async with gateway() as opened:
        yield opened


Open = Callable[..., Awaitable[Running]]


@pytest.fixture
def open_notifier(open_service: Open, mail: MailHost, operator: Gateway) -> Open:
    """Opens it with more settings, delivering nothing by itself."""

    async def opened(**more: Any) -> Running:
        settings = {
            "smtp_host": "127.0.0.1",
            "smtp_port": mail.port,
            "smtp_security": "none",
            "mail_from": "kabinet@energosbyt.example",
            "support_address": "support@energosbyt.example",
            "sms_url": operator.url,
            "sms_token": "the-token",
            "sms_sender": "Energosbyt",
            "portal_origin": "https://lk.example.ru",
        }
        return await open_service(service, **settings | more)

    return opened


@pytest.fixture
async def notifier(open_notifier: Open) -> Running:
    """Open, but delivering nothing by itself."""
    return await open_notifier()


@pytest.fixture
async def delivering(notifier: Running) -> AsyncIterator[Running]:
    """The notifier with its delivery loops running."""
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop(notifier.wired, stop)) for loop in service.loops]
    yield notifier
    stop.set()
    await asyncio.gather(*loops)
