"""Pages from templates: one environment per language, the library's macros among them."""

from typing import Any, Literal

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader, PrefixLoader
from markupsafe import Markup

from portal.assets import Assets
from portal.forms import Form
from portal.settings import PortalSettings
from portal.words import Words, parsed
from shared.contacts import mask_email
from shared.context import Locale
from shared.languages import LOCALES, _


class Rendering:
    """`rendering.page("login.html", "ru", form=…)`."""

    def __init__(self, settings: PortalSettings, assets: Assets) -> None:
        self.words = {locale: Words(locale, settings.time_zone) for locale in LOCALES}
        self._environments = {locale: _environment(words, settings, assets) for locale, words in self.words.items()}

    def page(self, template: str, locale: Locale, **context: Any) -> str:
        return self._environments[locale].get_template(template).render(context)


def _environment(words: Words, settings: PortalSettings, assets: Assets) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("portal"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        undefined=ChainableUndefined,  # the library's macros look into what was not given
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"masked_email": mask_email, "parsed": parsed, "groups": groups}
    environment.filters["dialled"] = dialled
    environment.globals |= {
        "_": words,
        "ngettext": words.ngettext,
        "words": words,
        "locale": words.locale,
        "settings": settings,
        "retailer": settings.retailer_name_ru if words.locale == "ru" else settings.retailer_name_en,
        "static": assets.url,
        "bare": {"value": True, "optional": True},  # an attribute without a value, as the library's macros take it
        "error_of": lambda form, name: error_of(words, form, name),
        "error_lines": error_lines,
        "characters": lambda which: characters(words, which),
    }
    return environment


def error_of(words: Words, form: Form, name: str) -> dict[str, Any] | None:
    """A field's message, as the library's macros take it."""
    text = form.errors.get(name)
    return None if text is None else {"text": text, "visuallyHiddenText": words(_("Error"))}


def error_lines(form: Form) -> list[dict[str, Any]]:
    """The error summary: each line leads to its field, of a group to the first."""
    return [{"text": text, "href": f"#{name}"} for name, text in form.summary]


def characters(words: Words, which: Literal["left", "over"]) -> dict[str, Markup]:
    """The library's script chooses by number among CLDR's forms, and fills in `%{count}`."""
    forms = {"one": 1, "few": 3, "many": 5, "other": 5 if words.locale == "en" else 3}
    if which == "left":
        said = {
            form: words.ngettext("{count} character left", "{count} characters left", number, count="%{count}")
            for form, number in forms.items()
        }
    else:
        said = {
            form: words.ngettext("{count} character too many", "{count} characters too many", number, count="%{count}")
            for form, number in forms.items()
        }
    return said


def dialled(phone: str) -> str:
    """As a `tel:` link has it."""
    return "".join(sign for sign in phone if sign.isdigit() or sign == "+")


def groups(number: str) -> list[str]:
    """An account number as it is drawn: in fours. Its text stays one word, for copying and for find-in-page."""
    return [number[place : place + 4] for place in range(0, len(number), 4)]
