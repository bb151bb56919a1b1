"""SMS texts: as the design counts them, in one part, with the line that binds a code to our pages."""

from dataclasses import replace

import pytest

from notifier import rules
from notifier.rules import Kind
from notifier.sms_texts import SMS_TEXTS, texts_of_two_parts
from notifier.words import Words
from shared.contracts.verification import CodeSecrets
from shared.events import Malformed
from shared.languages import catalogue
from tests.notifier.conftest import RETAILER, words

CODE = CodeSecrets(phone="+79123456789", code="12345")


@pytest.mark.parametrize(
    ("kind", "locale", "text", "count"),
    [
        (Kind.REGISTRATION_CODE, "ru", "Код 12345. Никому его не говорите.\n\n@lk.example.ru #12345", 57),
        (
            Kind.REGISTRATION_CODE,
            "en",
            "12345 is your Kabinet code. Do not share it with anyone.\n\n@lk.example.ru #12345",
            79,
        ),
        (Kind.PHONE_CHANGE_CODE, "ru", "Код 12345 для нового номера. Не говорите его.\n\n@lk.example.ru #12345", 68),
        (
            Kind.PHONE_CHANGE_CODE,
            "en",
            "12345 is the code to change your phone in Kabinet. Do not share it.\n\n@lk.example.ru #12345",
            90,
        ),
        (Kind.PHONE_CHANGED, "ru", "Номер в Кабинете изменён. Это не вы? Звоните: 8 800 000-00-00", 61),
        (Kind.PHONE_CHANGED, "en", "Your phone number in Kabinet was changed. Not you? Call 8 800 000-00-00", 71),
    ],
)
def test_text_is_the_designs_and_fits_one_part(kind: Kind, locale: str, text: str, count: int) -> None:
    written = SMS_TEXTS[kind](words(locale), CODE)

    assert written == text
    assert len(written) == count
    assert rules.sms_parts(written) == 1


def test_kinds_that_a_long_host_would_break_in_two_are_named() -> None:
    long_host = replace(RETAILER, origin="https://lichny-kabinet.energosbyt.example")

    assert texts_of_two_parts(words("ru"), "12345") == []
    assert texts_of_two_parts(Words("ru", catalogue("notifier", "ru"), long_host), "12345") == [
        Kind.REGISTRATION_CODE,
        Kind.PHONE_CHANGE_CODE,
    ]


@pytest.mark.parametrize("code", ["1234a", "１２３４５", "12345\nhttp://evil.example", ""])
def test_code_of_other_signs_than_digits_is_refused(code: str) -> None:
    with pytest.raises(Malformed):
        SMS_TEXTS[Kind.REGISTRATION_CODE](words("ru"), CodeSecrets(phone="+79123456789", code=code))
