"""What an SMS says. A code's last line is WebOTP's `@host #code`, after which nothing may follow."""

from collections.abc import Callable
from typing import Any

from notifier import rules
from notifier.rules import Kind
from notifier.words import Words
from shared.contracts.verification import CodeSecrets
from shared.events import Malformed

LONGEST_CODE = "1" * 8


def registration_code(words: Words, secrets: CodeSecrets) -> str:
    _ = words.translate
    return bound_to_host(words, _("{code} is your Kabinet code. Do not share it with anyone."), secrets.code)


def phone_change_code(words: Words, secrets: CodeSecrets) -> str:
    _ = words.translate
    return bound_to_host(words, _("{code} is the code to change your phone in Kabinet. Do not share it."), secrets.code)


def bound_to_host(words: Words, text: str, code: str) -> str:
    """A browser offers the code on our own pages alone because of the last line."""
    if not rules.is_code(code):
        raise Malformed("a code with signs other than digits")
    return f"{text.format(code=code)}\n\n@{words.retailer.host} #{code}"


def phone_changed(words: Words, secrets: object) -> str:
    _ = words.translate
    return _("Your phone number in Kabinet was changed. Not you? Call {phone}").format(phone=words.retailer.phone)


SMS_TEXTS: dict[Kind, Callable[[Words, Any], str]] = {
    Kind.REGISTRATION_CODE: registration_code,
    Kind.PHONE_CHANGE_CODE: phone_change_code,
    Kind.PHONE_CHANGED: phone_changed,
}


def texts_of_two_parts(words: Words, code: str) -> list[Kind]:
    """The kinds that would be billed twice with this host, phone number and length of code."""
    secrets = CodeSecrets(phone="+79000000000", code=code)
    return [kind for kind, text in SMS_TEXTS.items() if rules.sms_parts(text(words, secrets)) > 1]
