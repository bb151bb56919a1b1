"""A letter as it travels: HTML by MJML, a text part that says the same, and headers that nobody else can write."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from typing import Any

import css_inline
from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from mjml import mjml2html

from notifier import rules
from notifier.letters import Letter, in_html, in_text
from notifier.words import Words


class NotOneAddress(ValueError):
    """A recipient that is not exactly one e-mail address, or text that may not stand in a header."""


@dataclass(frozen=True)
class Envelope:
    """Who it is from and for, and the name that it keeps over every try."""

    sender: str
    recipient: str
    message_id: str
    written_at: datetime


def one_address(text: str, name: str = "") -> Address:
    """`text` as exactly one address, in the form it is sent to; `NotOneAddress` for lists and comments, and for line
    ends and encoded words, in the name too."""
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        raise NotOneAddress("not exactly one e-mail address") from None
    if not (rules.may_head(name) and rules.may_head(text)):
        raise NotOneAddress("signs that could end a header")
    return Address(display_name=name, username=found.local_part, domain=found.ascii_domain)


@cache
def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("notifier"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(linked=linked, in_html=in_html, in_text=in_text)
    return environment


def linked(text: str, origin: str) -> Markup:
    """Bare links to our own pages become links; everything round them, a stranger's address too, is escaped text."""
    parts: list[Markup] = []
    end = 0
    for found in re.finditer(re.escape(origin) + r"/[^\s<>\"]*", text):
        parts += [escape(text[end : found.start()]), Markup('<a class="link" href="{0}">{0}</a>').format(found.group())]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


@cache
def _inliner() -> css_inline.CSSInliner:
    # Nothing is fetched while a letter is made; the dark scheme needs its style block to stay.
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=True)


def ending(words: Words) -> tuple[str, ...]:
    _ = words.translate
    retailer = words.retailer
    return (
        _("{retailer}, {phone}, free, {start}–{end}. Please do not reply; write to us: {feedback}").format(
            retailer=words.name,
            phone=retailer.phone.replace(" ", "\u00a0"),
            start=retailer.phone_from,
            end=retailer.phone_until,
            feedback=words.link("/feedback"),
        ),
    )


def render(letter: Letter, words: Words) -> tuple[str, str]:
    """The HTML and the text."""
    values = {"letter": letter, "ending": ending(words), "locale": words.locale, "_": words.translate}
    values["origin"] = words.retailer.origin
    mjml = _environment(True).get_template("letter.mjml").render(values)
    html = _inliner().inline(mjml2html(mjml, disable_comments=False, fonts={}))
    return html, text_of("letter.txt", values)


def text_of(template: str, values: dict[str, Any]) -> str:
    """Plain text, so nothing in it is escaped."""
    return _environment(False).get_template(template).render(values)


def letter_message(letter: Letter, words: Words, envelope: Envelope) -> EmailMessage:
    html, text = render(letter, words)
    message = headed(letter.subject, words.name, envelope)
    message.set_content(text, cte="base64")
    message.add_alternative(html, subtype="html", cte="base64")
    message["Content-Language"] = words.locale  # last: new content takes such headers away
    return message


def headed(subject: str, sender_name: str, envelope: Envelope) -> EmailMessage:
    """The headers that every message has. `NotOneAddress` where a recipient or a name is not what it should be."""
    if not rules.may_head(subject):
        raise NotOneAddress("a subject with signs that could end a header")
    message = EmailMessage(policy=SMTP)
    message["From"] = one_address(envelope.sender, sender_name)
    message["To"] = one_address(envelope.recipient)
    message["Subject"] = subject
    message["Date"] = envelope.written_at
    message["Message-ID"] = f"<{envelope.message_id}@{one_address(envelope.sender).domain}>"
    message["Auto-Submitted"] = "auto-generated"
    return message
