"""The notifier, wired: doors opened once, delivery loops beside the worker's own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from notifier import places, watching
from notifier.api import router
from notifier.delivering import expire_waiting
from notifier.dispatching import Dispatch
from notifier.feedback import FeedbackDesk
from notifier.handing_over import by_mail
from notifier.notifying import Bells, Desk
from notifier.pacing import Pace, Quiet, Turns
from notifier.places import Lookout, Place
from notifier.reactions import HEARD
from notifier.settings import NotifierSettings
from notifier.sms_form_gateway import SmsFormGateway
from notifier.sms_gateway import SmsGateway
from notifier.sms_providers import Provider, by_sms
from notifier.sms_texts import texts_of_two_parts
from notifier.smtp import MailServer
from notifier.suppressing import Suppression
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
    receipt_secrets: Mapping[str, str]
    place: Place
    mail: Dispatch
    sms: Dispatch


@asynccontextmanager
async def wire(kernel: Kernel) -> AsyncIterator[Wired]:
    settings: NotifierSettings = kernel.settings
    keys, bells, place = kernel.private_keys, Bells(), Place(kernel.database)
    pen = pen_of(settings, keys)
    warn_of_long_sms(pen, settings.code_digits)
    if settings.smtp_security == "none" and not settings.mail_stays_here:
        _log.warning("letters_go_unencrypted", smtp_host=settings.smtp_host, mend="NOTIFIER_SMTP_SECURITY=starttls")
    to_mail = by_mail(mail_server(settings), pen, Suppression(kernel.database, keys))
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as client:
        to_sms = by_sms(providers(settings, client), pen, Turns(kernel.database))
        yield Wired(
            private_keys=keys,
            bells=bells,
            kernel=kernel,
            feedback=FeedbackDesk(
                *(keys, kernel.public_keys, bells, settings.support_address),
                settings.receipts_per_address_day,
                settings.feedback_per_client_day,
            ),
            receipt_secrets=receipt_secrets(settings),
            place=place,
            mail=Dispatch(
                "email",
                kernel.database,
                place,
                bells.email,
                to_mail,
                settings.smtp_connections,
                Pace(kernel.database, settings.notices_per_domain_minute),
                quiet_of(settings),
            ),
            sms=Dispatch("sms", kernel.database, place, bells.sms, to_sms, settings.sms_connections),
        )


def quiet_of(settings: NotifierSettings) -> Quiet | None:
    if settings.quiet_from is None or settings.quiet_until is None:
        return None
    return Quiet(settings.quiet_from, settings.quiet_until, settings.time_zone)


def providers(settings: NotifierSettings, client: httpx2.AsyncClient) -> list[Provider]:
    """In the order of their priority."""
    token, origin = settings.sms_token.get_secret_value(), settings.sms_receipts_origin
    urls = {name: f"{origin}/v1/sms-receipts/{name}" if origin else None for name in ("primary", "backup")}
    gateway = SmsGateway(client, settings.sms_url, token, settings.sms_sender, receipt_url=urls["primary"])
    found = [Provider("primary", gateway, settings.sms_price_kopecks, settings.sms_per_second)]
    if settings.sms_backup_url:
        known = (settings.sms_backup_login, settings.sms_backup_password.get_secret_value())
        where = (client, settings.sms_backup_url)
        backup = SmsFormGateway(*where, *known, settings.sms_sender, receipt_url=urls["backup"])
        found.append(Provider("backup", backup, settings.sms_backup_price_kopecks, settings.sms_backup_per_second))
    return sorted(found, key=lambda provider: provider.name != settings.sms_first)


def receipt_secrets(settings: NotifierSettings) -> dict[str, str]:
    known = {"primary": settings.sms_receipt_secret, "backup": settings.sms_backup_receipt_secret}
    return {name: secret.get_secret_value() for name, secret in known.items() if secret is not None}


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


async def keep_place(wired: Wired, stop: asyncio.Event) -> None:
    await wired.place.keep(stop)


async def look_out(wired: Wired, stop: asyncio.Event) -> None:
    """Give back what dead workers had taken up."""
    lookout = Lookout(wired.kernel.database)
    while not await any_of(places.LOOK_SECONDS, stop):
        try:
            if await lookout.look():
                wired.bells.ring()
        except Exception as problem:  # this loop must live; the database comes back
            _log.warning("places_not_looked_at", cause=type(problem).__name__)


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
    "suppressed_addresses": "since < now() - interval '1 year'",
    "notification_acts": "at < now() - interval '1 year'",
    "turns": "next_at < now() - interval '1 day'",
}

service = Service(
    package="notifier",
    settings=NotifierSettings,
    wire=wire,
    routers=(router,),
    heard=HEARD,
    expired=lambda _settings: EXPIRED,
    measure=watching.measure,
    loops=(deliver_mail, deliver_sms, keep_place, look_out, end_waiting),
)
