"""How things are said: the reader's language, plurals, times, and the typography that both languages keep by itself."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup, escape

from shared.context import Locale
from shared.languages import _, catalogue

NBSP = "\u00a0"
PACKAGES = ("portal", "shared")
_SHORT_WORD = re.compile(r"(?<![\w\u00a0])(?!(?:же|ли|бы) )([А-Яа-яЁёA-Za-z]{1,2}) (?=\S)")
_PARTICLE = re.compile(r" (?=(?:же|ли|бы)\b)")
_BEFORE_DASH = re.compile(r" (?=—)")
_NUMBER_AND_UNIT = re.compile(r"(?:(?<=\d)|(?<=\{count\})) (?=[А-Яа-яЁё₽])")


@lru_cache(maxsize=4096)
def set_in_type(text: str, locale: str) -> str:
    """The text with its no-break spaces: before a dash; in Russian after short words, of which `же`, `ли` and `бы` hang
    on the word before, and between number and unit."""
    text = _BEFORE_DASH.sub(NBSP, text)
    if locale != "ru":
        return text
    text = _PARTICLE.sub(NBSP, text)
    for _twice in range(2):  # the second of two short words in a row is found when the first has its space
        text = _SHORT_WORD.sub(rf"\1{NBSP}", text)
    return _NUMBER_AND_UNIT.sub(NBSP, text)


@dataclass(frozen=True)
class Words:
    """Called like gettext: `words(_("Try again in {time}"), time=…)`. What it gives is escaped HTML.

    Only marked texts come in here; what people typed comes in as a value, and is escaped.
    """

    locale: Locale
    zone: ZoneInfo

    def __call__(self, msgid: str, /, **values: object) -> Markup:
        """The text in the reader's language, from the portal's catalogue or the kernel's."""
        return self._said(self._found(msgid), values)

    def ngettext(self, one: str, other: str, count: int, /, **values: object) -> Markup:
        """The form for this many, `{count}` filled in."""
        text = catalogue("portal", self.locale).ngettext(one, other, count)
        return self._said(text, {"count": count, **values})

    def as_it_came(self, text: str) -> Markup:
        """A service's own words, which came in the reader's language; messages here have no full stop at the end."""
        return self._said(text.removesuffix("."), {})

    def time_left(self, seconds: float) -> Markup:
        """`через 40 секунд`, `in 2 minutes`: up to 90 s in seconds, then in minutes, hours, days, rounded up."""
        left = max(1, ceil(seconds))
        if left <= 90:
            return self.ngettext("in {count} second", "in {count} seconds", left)
        if (minutes := ceil(left / 60)) <= 90:
            return self.ngettext("in {count} minute", "in {count} minutes", minutes)
        if (hours := ceil(left / 3600)) <= 48:
            return self.ngettext("in {count} hour", "in {count} hours", hours)
        return self.ngettext("in {count} day", "in {count} days", ceil(left / 86_400))

    def date(self, moment: datetime) -> str:
        """`25 ноября 2026 года`, `25 November 2026`."""
        pattern = "d MMMM y 'года'" if self.locale == "ru" else "d MMMM y"
        return self._date(moment, pattern)

    def day(self, moment: datetime) -> str:
        """`25 ноября`, `25 November`."""
        return self._date(moment, "d MMMM")

    def clock(self, moment: datetime) -> str:
        """`9:05`, in the region's zone."""
        local = moment.astimezone(self.zone)
        return f"{local.hour}:{local.minute:02d}"

    def moment(self, moment: datetime) -> Markup:
        """`2 ноября в 9:05`, `2 November, 9:05`."""
        return self(_("{date}, {clock}"), date=self.day(moment), clock=self.clock(moment))

    def _date(self, moment: datetime, pattern: str) -> str:
        locale = "ru" if self.locale == "ru" else "en_GB"
        return format_date(moment.astimezone(self.zone), pattern, locale=locale).replace(" ", NBSP)

    def _found(self, msgid: str) -> str:
        for package in PACKAGES:
            found = catalogue(package, self.locale).gettext(msgid)
            if found != msgid:
                return found
        return msgid

    def _said(self, text: str, values: dict[str, Any]) -> Markup:
        marked = Markup(escape(set_in_type(text, self.locale)))
        return marked.format(**values) if values else marked


def parsed(moment: str) -> datetime:
    """A time as the services write it."""
    return datetime.fromisoformat(moment)
