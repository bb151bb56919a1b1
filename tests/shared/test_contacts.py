"""Contacts as they are compared and as they are shown."""

import pytest

from shared.contacts import mask_email, mask_phone


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("petrova@mail.ru", "pe•••@mail.ru"),
        ("anna@mail.ru", "an•••@mail.ru"),
        ("abc@mail.ru", "ab•••@mail.ru"),
        ("ab@mail.ru", "a•••@mail.ru"),
        ("a@mail.ru", "a•••@mail.ru"),
    ],
)
def test_mask_of_an_address_keeps_little_of_its_name(address: str, shown: str) -> None:
    assert mask_email(address) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("+79123456789", "+7 912 •••-••-89"),
        ("+77012345678", "+7 701 •••-••-78"),
        ("+375291234567", "+37 ••• 67"),
    ],
)
def test_mask_of_a_phone_keeps_its_begin_and_its_end(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown
