"""How things are said in the reader's language: the retailer's name, dates in the region's zone, lifetimes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from gettext import NullTranslations
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date

MOSCOW = ZoneInfo("Europe/Moscow")


@dataclass(frozen=True)
class Retailer:
    """Who writes, and where its portal is. Everything that a letter links to stands under `origin`."""

    origin: str
    name_ru: str
    name_ru_genitive: str
    name_en: str
    phone: str
    phone_from: str
    phone_until: str
    zone: ZoneInfo

    @property
    def host(self) -> str:
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True)
class Words:
    locale: str
    translations: NullTranslations
    retailer: Retailer

    @property
    def translate(self) -> Callable[[str], str]:
        return self.translations.gettext

    @property
    def name(self) -> str:
        return self.retailer.name_ru if self.locale == "ru" else self.retailer.name_en

    def link(self, path: str) -> str:
        return self.retailer.origin + path

    def date(self, moment: datetime) -> str:
        """`25 ноября`, `25 November`, held together by a no-break space."""
        local = moment.astimezone(self.retailer.zone)
        return format_date(local, "d MMMM", locale=self.locale).replace(" ", "\u00a0")

    def clock(self, moment: datetime) -> str:
        return moment.astimezone(self.retailer.zone).strftime("%H:%M")

    def zone(self, moment: datetime) -> str:
        """As timetables in Russia have it: `МСК`, `МСК+4`; other zones by their distance from Moscow too."""
        ahead = moment.astimezone(self.retailer.zone).utcoffset() or timedelta()
        hours = round((ahead - (moment.astimezone(MOSCOW).utcoffset() or timedelta())) / timedelta(hours=1))
        name = "МСК" if self.locale == "ru" else "MSK"
        return f"{name}{hours:+d}".replace("-", "\u2212") if hours else name

    def moment(self, moment: datetime) -> str:
        """`25 ноября в 14:20 МСК`, `25 November at 14:20 MSK`."""
        _ = self.translate
        told = _("{date} at {clock}").format(date=self.date(moment), clock=self.clock(moment))
        return f"{told}\u00a0{self.zone(moment)}"

    def hours(self, life: timedelta) -> str:
        """A link's life in whole hours, at least one: `24 часа`, `1 hour`."""
        count = max(round(life / timedelta(hours=1)), 1)
        return self.translations.ngettext("{count} hour", "{count} hours", count).format(count=count)
