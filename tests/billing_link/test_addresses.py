"""An address is shown so that only those who know it recognise it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_link.addresses import masked_address


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("г. Тверь, ул. Садовая, д. 5, кв. 12", "г. Тверь, ул. Сад…, д. …, кв. …"),
        ("пгт Нелидово, ул. 50 лет Октября, д. 1", "пгт Нелидово, ул. … лет Окт…, д. …"),
        ("Тверь, Садовая 5-12", "Тверь, Сад… …"),
        ("305000, г. Курск, ул. Карла Маркса, д.5А", "…, г. Курск, ул. Кар… Мар…, д.…"),
        ("", ""),
    ],
)
def test_masked_address_shows_the_town_and_how_the_street_begins(address: str, masked: str) -> None:
    assert masked_address(address) == masked


@given(st.text(alphabet="абвг .,0123456789/-", max_size=60))
def test_masked_address_never_shows_a_digit(address: str) -> None:
    assert not any(character.isdigit() for character in masked_address(address))
