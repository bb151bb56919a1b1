"""Breached passwords, by the filter that travels with the release."""

import random
import string
from pathlib import Path

import pytest

from identity.breached import FILTER, breached, read, write
from identity.passwords import SHORTEST, Passwords, PasswordTooWeak


@pytest.mark.parametrize("password", ["password1", "iloveyou1", "trustno1", "qwerty123456", "zolushka171", "y5g0h9zd"])
def test_a_breached_password_is_known_however_its_letters_are_capitalised(password: str) -> None:
    assert password in breached()
    assert password.upper() in breached()
    assert password.title() in breached()


def test_one_in_a_thousand_others_is_taken_for_one_by_chance() -> None:
    drawn = random.Random(7)
    others = ["".join(drawn.choices(string.ascii_lowercase + string.digits, k=16)) for _ in range(50_000)]

    share = sum(one in breached() for one in others) / len(others)

    assert breached().false_share == pytest.approx(0.001, rel=0.05)
    assert 0.0006 < share < 0.0015


def test_the_filter_is_small_and_holds_the_whole_list() -> None:
    assert breached().entries > 470_000
    assert FILTER.stat().st_size < 900_000


def test_every_password_of_the_list_is_in_its_filter(tmp_path: Path) -> None:
    listed = [f"пароль {n}" for n in range(2000)]

    write(tmp_path / "some.bloom", listed, 0.01)

    made = read(tmp_path / "some.bloom")
    assert all(one in made for one in listed)
    assert made.entries == 2000


@pytest.mark.parametrize("password", ["", "\ud800", "\0" * 50, "я" * 5000])
def test_any_text_may_be_asked_for(password: str) -> None:
    assert password not in breached()


async def test_a_breached_password_that_looks_strong_is_refused_and_told_weak() -> None:
    passwords = Passwords(at_once=1)

    with pytest.raises(PasswordTooWeak):
        await passwords.refuse_unfit("YA43xsj1q", ())

    assert len("ya43xsj1q") >= SHORTEST
    assert await passwords.is_weak("ya43xsj1q", ())
    passwords.close()
