"""Passwords as they are chosen, kept and checked."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from identity.old_hashes import OldHash
from identity.passwords import Passwords, PasswordTooLong, PasswordTooWeak, score

OWN_WORDS = ("ivanov.petr", "p.ivanov@example.org", "+79161234567")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(at_once=2)
    yield made
    made.close()


async def test_a_hash_knows_its_password_as_typed_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash_password(" Тихий омут 7 ")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify_password(" Тихий омут 7 ", stored)
    assert not await passwords.verify_password("Тихий омут 7", stored)
    assert not passwords.needs_rehash(stored)


async def test_a_hash_of_other_figures_is_made_anew(passwords: Passwords) -> None:
    assert passwords.needs_rehash(
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
    )


@pytest.mark.parametrize("password", ["\ud800", "\0", "", "a" * 60_000])
async def test_any_text_can_be_checked(passwords: Passwords, password: str) -> None:
    await passwords.verify_nothing(password)

    assert not await passwords.verify_password(password, await passwords.hash_password("another"))


async def test_nobody_takes_as_long_as_somebody(passwords: Passwords) -> None:
    stored = await passwords.hash_password("somebody")

    def spent() -> float:
        return time.process_time()

    somebody, nobody = [], []
    for _ in range(7):
        began = spent()
        await passwords.verify_password("wrong", stored)
        between = spent()
        await passwords.verify_nothing("wrong")
        somebody.append(between - began)
        nobody.append(spent() - between)

    assert 0.5 < min(nobody) / min(somebody) < 2


async def test_no_more_than_the_limit_are_worked_on_at_once(passwords: Passwords) -> None:
    lock, full, running, most = threading.Lock(), threading.Barrier(2), 0, 0

    def fits(_: bytes) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait(timeout=10)
        with lock:
            running -= 1
        return True

    async with asyncio.timeout(30):
        told = await asyncio.gather(*(passwords.verify_old("a", OldHash("slow", fits)) for _ in range(8)))

    assert told == [True] * 8
    assert most == 2


async def test_the_loop_stays_free_while_passwords_are_hashed(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.hash_password("a") for _ in range(8)))
    turns = 0

    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert len(await hashing) == 8
    assert turns > 8


@pytest.mark.parametrize(
    "password",
    [
        *("", "short7!", "12345678", "password1", "qwertyuiop", "parol1234", "пароль12", "Gfhjkm123", "йцукенгш"),
        *("ivanov.petr", "p.ivanov1", "79161234567", "9161234567", "a" * 128),
    ],
)
async def test_what_anyone_would_guess_is_too_weak(passwords: Passwords, password: str) -> None:
    with pytest.raises(PasswordTooWeak):
        await passwords.refuse_unfit(password, OWN_WORDS)


@pytest.mark.parametrize(
    "password", ["kj3h4k5j", "четыре рыжих ежа", "correct horse battery", " 8 Spaces ", "Энергия тополя"]
)
async def test_a_phrase_or_a_random_word_will_do(passwords: Passwords, password: str) -> None:
    await passwords.refuse_unfit(password, OWN_WORDS)


async def test_128_characters_are_taken_and_129_are_too_long(passwords: Passwords) -> None:
    await passwords.refuse_unfit("четыре рыжих ежа" * 8, OWN_WORDS)

    with pytest.raises(PasswordTooLong):
        await passwords.refuse_unfit("четыре рыжих ежа" * 8 + "!", OWN_WORDS)


def test_hostile_text_does_not_hold_the_judge_up() -> None:
    began = time.process_time()

    score("4@8({[</3691!|i10o$5+7%2z" * 5, OWN_WORDS)

    assert time.process_time() - began < 2


def test_a_strong_tail_makes_up_for_a_weak_beginning() -> None:
    assert score("a" * 40 + "vkJ2 четыре рыжих ежа 83kd", ()) >= 2


async def test_the_retailers_name_makes_no_password_in_either_alphabet() -> None:
    passwords = Passwords(at_once=1, retailer_names=("Энергосбыт", "Energosbyt"))

    told = [await passwords.is_weak(one, ()) for one in ("Энергосбыт", "energosbyt2", "энергосбыт1")]
    passwords.close()

    assert told == [True, True, True]


async def test_a_password_is_taken_as_typed_and_never_normalised(passwords: Passwords) -> None:
    composed, decomposed, wide = "четыре рыжих йода", "четыре рыжих и\u0306ода", "ｃorrect horse battery"
    stored = await passwords.hash_password(composed)

    assert await passwords.verify_password(composed, stored)
    assert not await passwords.verify_password(decomposed, stored)
    assert not await passwords.verify_password(wide, await passwords.hash_password("correct horse battery"))


@pytest.mark.parametrize(("length", "fits"), [(7, False), (8, True), (128, True)])
async def test_characters_are_counted_and_not_bytes(passwords: Passwords, length: int, fits: bool) -> None:
    password = ("жук№😀ёлка🐘снег" * 10)[:length]

    assert await passwords.is_weak(password, ()) is not fits
