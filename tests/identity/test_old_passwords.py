"""Old passwords: whatever they are they open the door, until the last day on which they open anything."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity.main import service
from tests.identity.conftest import Identity
from tests.identity.test_signing_in import NUMBER, OLD, OLD_HASH
from tests.kit import Running, problem

TODAY = datetime.now(UTC).date()


async def test_old_passwords_open_doors_through_their_last_day(
    open_service: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    identity = Identity(await open_service(service, legacy_login_until=TODAY + timedelta(days=1)))
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))

    assert (await identity.sign_in(NUMBER, OLD)).status_code == 201


async def test_after_their_last_day_old_passwords_open_nothing_and_a_recovery_moves_over(
    open_service: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    identity = Identity(await open_service(service, legacy_login_until=TODAY - timedelta(days=2)))
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "old@mail.ru", ""))

    refused = await identity.sign_in(NUMBER, OLD)
    nobody = await identity.sign_in("67999999", OLD)
    await identity.recover(NUMBER)
    await identity.reset((await identity.recoveries())[0].token, "зелёный автобус стоит")

    assert problem(refused)["code"] == "invalid-credentials"
    assert "старого кабинета" in problem(refused)["detail"]
    assert (refused.status_code, refused.content) == (nobody.status_code, nobody.content)
    assert (await identity.sign_in(NUMBER, "зелёный автобус стоит")).status_code == 201


async def test_who_moved_in_time_signs_in_as_ever_and_a_name_is_told_nothing_of_the_old_portal(
    open_service: Callable[..., Awaitable[Running]],
) -> None:
    identity = Identity(await open_service(service, legacy_login_until=TODAY - timedelta(days=2)))
    await identity.registered()

    assert (await identity.sign_in()).status_code == 201
    assert "старого кабинета" not in problem(await identity.sign_in(password="не тот"))["detail"]


@pytest.mark.parametrize(
    ("old", "hashed"),
    [
        ("Лето2015", "$2x$05$abcdefghijklmnopqrstuu/p3Ef24tCFpnRS7kV4omC6D5Nzgz8mq"),  # cp1251, by the faulty library
        ("Лето2015", hashlib.sha1("Лето2015".encode("cp1251")).hexdigest()),
        ("a" * 80, "$2y$06$abcdefghijklmnopqrstuuIBuNj.FHUDJuljpq724SoPkEleOzHW2"),
        ("1", hashlib.md5(b"1").hexdigest()),
        (" с пробелом ", hashlib.md5(" с пробелом ".encode()).hexdigest()),
    ],
)
async def test_an_old_password_opens_the_door_whatever_it_is(
    identity: Identity, tmp_path: Path, old: str, hashed: str
) -> None:
    await identity.import_old(tmp_path, (NUMBER, hashed, "old@mail.ru", ""))

    first, second = await identity.sign_in(NUMBER, old), await identity.sign_in(NUMBER, old)

    assert (first.status_code, second.status_code) == (201, 201)
