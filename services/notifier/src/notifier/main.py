"""The notifier, wired: doors opened once, delivery loops beside the worker's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from notifier.api import router
from notifier.delivering import Dispatch, expire_waiting
from notifier.feedback import FeedbackDesk
from notifier.handing_over import by_mail, by_sms
from notifier.notifying import Bells, Desk
from notifier.reactions import HEARD
from notifier.settings import NotifierSettings
from notifier.sms_gateway import SmsGateway
from notifier.sms_texts import texts_of_two_parts
from notifier.smtp import MailServer
from notifier.words import Retailer
from notifier.writing import Pen
from shared.keys import PrivateKeys
from shared.logging import logger
from shared.service import Kernel, Service
from shared.stopping import any_of

WAITING_SECONDS = 10.0
_log = logger(__name__)


@dataclass(frozen=True)
class Wired(Desk):
    """All that endpoints, reactions and loops work with."""

    kernel: Kernel
    feedback: FeedbackDesk
    mail: Dispatch
    sms: Dispatch


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: NotifierSettings = kernel.settings
    keys, bells = kernel.private_keys, Bells()
    pen = pen_of(settings, keys)
    warn_of_long_sms(pen, settings.code_digits)
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as client:
        gateway = SmsGateway(client, settings.sms_url, settings.sms_token.get_secret_value(), settings.sms_sender)
        yield Wired(
            private_keys=keys,
            bells=bells,
            kernel=kernel,
            feedback=FeedbackDesk(
                keys, kernel.public_keys, bells, settings.support_address, settings.receipts_per_address_day
            ),
            mail=Dispatch(
                "email", kernel.database, bells.email, by_mail(mail_server(settings), pen), settings.smtp_connections
            ),
            sms=Dispatch("sms", kernel.database, bells.sms, by_sms(gateway, pen), settings.sms_connections),
        )


def mail_server(settings: NotifierSettings) -> MailServer:
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        hello=settings.mail_from.rpartition("@")[2],
    )


def pen_of(settings: NotifierSettings, private_keys: PrivateKeys) -> Pen:
    retailer = Retailer(
        origin=settings.portal_origin,
        name_ru=settings.retailer_name_ru,
        name_ru_genitive=settings.retailer_genitive,
        name_en=settings.retailer_name_en,
        phone=settings.retailer_phone,
        phone_from=settings.retailer_phone_from,
        phone_until=settings.retailer_phone_until,
        zone=settings.time_zone,
    )
    return Pen(retailer, settings.mail_from, settings.support_address, private_keys)


def warn_of_long_sms(pen: Pen, digits: int) -> None:
    """Two parts cost twice, and some phones show the code of a half."""
    for locale in ("ru", "en"):
        for kind in texts_of_two_parts(pen.words(locale), "1" * digits):
            _log.warning("sms_takes_two_parts", kind=kind, locale=locale, host=pen.retailer.host)


async def deliver_mail(wired: Wired, stop: asyncio.Event) -> None:
    await wired.mail.run(stop)


async def deliver_sms(wired: Wired, stop: asyncio.Event) -> None:
    await wired.sms.run(stop)


async def end_waiting(wired: Wired, stop: asyncio.Event) -> None:
    """End what waits for an address in vain."""
    while not stop.is_set():
        try:
            await expire_waiting(wired.kernel.database)
        except Exception as problem:  # this loop must live; the database comes back
            _log.warning("waiting_not_ended", cause=type(problem).__name__)
        await any_of(WAITING_SECONDS, stop)


EXPIRED = {
    # A user's list goes back a year; what belongs to no user stays for as long as somebody may ask what became of it.
    "notifications": "ended_at < now() - make_interval(days => CASE WHEN user_id IS NULL THEN 30 ELSE 365 END)",
    "receipt_days": "day < now() - interval '2 days'",
}

service = Service(
    package="notifier",
    settings=NotifierSettings,
    wire=wire,
    routers=(router,),
    heard=HEARD,
    expired=lambda _settings: EXPIRED,
    loops=(deliver_mail, deliver_sms, end_waiting),
)
