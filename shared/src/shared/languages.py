"""Languages: gettext catalogues of the packages, read from .po at start; msgids are English."""

import gettext
import io
from functools import lru_cache
from importlib.resources import files

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from shared import context
from shared.context import Locale

LOCALES: tuple[Locale, ...] = ("ru", "en")
DEFAULT: Locale = "ru"


def _(msgid: str) -> str:
    """Marks a msgid; it is translated where it is rendered, in the reader's language."""
    return msgid


@lru_cache
def catalogue(package: str, locale: str) -> gettext.NullTranslations:
    """The package's translations; English is the msgids themselves."""
    source = files(package) / "locale" / f"{locale}.po"
    if not source.is_file():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=locale))
    return gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))


def translate(msgid: str, *packages: str, locale: str | None = None) -> str:
    """The text in the locale (default: the request's), from the first package that has it."""
    for package in packages:
        found = catalogue(package, locale or context.locale.get()).gettext(msgid)
        if found != msgid:
            return found
    return msgid


def as_locale(stored: str | None) -> Locale:
    """A locale as a row holds it."""
    return "en" if stored == "en" else DEFAULT


def preferred(accept_language: str | None) -> Locale:
    """The best of our locales for an Accept-Language header; `ru` where it says nothing that we speak."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "")[:200].split(",")):
        tag, _sep, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        language = tag.strip().lower().split("-")[0]
        if language in LOCALES and weight > 0:
            ranked.append((-weight, place, language))
    return as_locale(min(ranked)[2]) if ranked else DEFAULT
