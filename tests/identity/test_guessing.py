"""How often somebody may guess, whoever the login belongs to and whatever the headers say."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest

from identity.main import service
from tests.identity.conftest import PASSWORD, Identity
from tests.kit import Running, problem

OpenService = Callable[..., Awaitable[Running]]


async def guess(identity: Identity, login: str, password: str, headers: dict[str, str], **fields: str) -> int:
    body = {"login": login, "password": password, **fields}
    return (await identity.client.post("/v1/sessions", json=body, headers=headers)).status_code


def from_address(n: int) -> dict[str, str]:
    """As the trusted proxy in front tells it."""
    return {"X-Forwarded-For": f"203.0.{n // 250}.{n % 250 + 1}"}


@pytest.mark.parametrize("login", ["petrova", "nobody", "67999999"])
async def test_200_parallel_guesses_from_200_addresses_are_ten(open_service: OpenService, login: str) -> None:
    identity = Identity(await open_service(service, request_seconds=120))
    await identity.registered()

    told = await asyncio.gather(*(guess(identity, login, f"не тот {n}", from_address(n)) for n in range(200)))

    assert sorted(told) == [401] * 10 + [429] * 190


async def test_200_parallel_guesses_at_200_logins_from_one_address_are_thirty(open_service: OpenService) -> None:
    identity = Identity(await open_service(service, request_seconds=120))

    told = await asyncio.gather(*(guess(identity, f"nobody{n}", "не тот", {}) for n in range(200)))

    assert sorted(told) == [401] * 30 + [429] * 170


async def test_a_house_of_ipv6_addresses_is_one_address(open_service: OpenService) -> None:
    identity = Identity(await open_service(service, guesses_per_address_minute=3))
    neighbours = [{"X-Forwarded-For": f"2001:db8:7:7::{n:x}"} for n in range(1, 5)]

    told = [await guess(identity, f"nobody{n}", "не тот", headers) for n, headers in enumerate(neighbours)]
    elsewhere = await guess(identity, "nobody", "не тот", {"X-Forwarded-For": "2001:db8:7:8::1"})

    assert (told, elsewhere) == ([401, 401, 401, 429], 401)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Client-IP"])
async def test_no_limit_believes_a_header_of_a_peer_that_is_no_trusted_proxy(
    open_service: OpenService, header: str
) -> None:
    identity = Identity(await open_service(service, trusted_proxies="10.0.0.0/8", guesses_per_address_minute=3))

    told = [await guess(identity, f"nobody{n}", "не тот", {header: f"203.0.113.{n}"}) for n in range(4)]

    assert told == [401, 401, 401, 429]


async def test_the_hop_that_counts_is_the_one_before_the_trusted_proxy(open_service: OpenService) -> None:
    identity = Identity(await open_service(service, guesses_per_address_minute=3))
    made_up = [{"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.7"} for n in range(4)]

    told = [await guess(identity, f"nobody{n}", "не тот", headers) for n, headers in enumerate(made_up)]

    assert told == [401, 401, 401, 429]


async def test_a_refused_guess_is_not_hashed(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(10):
        await identity.sign_in("nobody", f"не тот {n}")

    def hashed(*_: object) -> None:
        raise AssertionError("it was hashed")

    monkeypatch.setattr(identity.running.wired.passwords, "_in_thread", hashed)

    assert (await identity.sign_in("nobody", "не тот")).status_code == 429


async def test_strangers_do_not_lock_the_owners_device_out_and_it_has_ten_of_its_own(identity: Identity) -> None:
    await identity.registered()
    device = (await identity.sign_in()).json()["device"]
    for n in range(10):
        await identity.sign_in(password=f"не тот {n}")
    stranger = await identity.sign_in()

    own = [(await identity.sign_in(password=f"не тот {n}", device=device)).status_code for n in range(9)]
    right = await identity.sign_in(device=device)
    own += [(await identity.sign_in(password=f"не тот {n}", device=device)).status_code for n in range(2)]

    assert (stranger.status_code, right.status_code) == (429, 201)
    assert own == [401] * 10 + [429]


@pytest.mark.parametrize("device", ["", "x", "019ac000-0000-7000-8000-000000000000.00", "another's"])
async def test_a_device_that_is_not_the_logins_own_has_no_counter_of_its_own(identity: Identity, device: str) -> None:
    await identity.registered()
    await identity.registered(login="sidorov", email="s@mail.ru", phone="+79123456780",
                              phone_proof=identity.phone_proof("+79123456780"))  # fmt: skip
    if device == "another's":
        device = (await identity.sign_in("sidorov")).json()["device"]

    told = [(await identity.sign_in(password=f"не тот {n}", device=device)).status_code for n in range(11)]

    assert told == [401] * 10 + [429]


async def test_the_owners_device_gets_in_through_ten_thousand_guesses(open_service: OpenService) -> None:
    """So many guesses as the counters have seen them; the last hundred are real, and go on while the owner comes."""
    identity = Identity(await open_service(service, guesses_per_address_minute=1000, request_seconds=120))
    await identity.registered()
    device = (await identity.sign_in()).json()["device"]
    await identity.sign_in(password="не тот")
    await identity.running.rows(
        "UPDATE guess_counters SET in_a_row = 10000, last_at = clock_timestamp(),"
        " guessed_at = array_fill(clock_timestamp(), ARRAY[10]) WHERE in_a_row > 0 RETURNING 1"
    )

    async def attack(n: int) -> int:
        return await guess(identity, "petrova", f"не тот {n}", from_address(n))

    attacked = asyncio.gather(*(attack(n) for n in range(100)))
    owner = [(await identity.sign_in(device=device)).status_code for _ in range(3)]

    assert await attacked == [429] * 100
    assert owner == [201] * 3


async def wrong_in_a_row(identity: Identity, count: int) -> None:
    """So many, slowly enough that no window ever was full."""
    await identity.sign_in(password="не тот")
    await identity.running.rows(
        "UPDATE guess_counters SET in_a_row = :count, guessed_at = '{}', last_at = last_at - interval '1 hour'"
        " WHERE in_a_row > 0 RETURNING 1",
        count=count,
    )


async def test_after_a_hundred_in_a_row_only_a_known_device_or_a_recovery_lets_in(identity: Identity) -> None:
    await identity.registered()
    device = (await identity.sign_in()).json()["device"]
    await wrong_in_a_row(identity, 100)

    refused, known = await identity.sign_in(), await identity.sign_in(device=device)
    still = await identity.sign_in()
    await identity.recover("petrova")
    await identity.reset((await identity.recoveries())[0].token)
    recovered = await identity.sign_in(password="зелёный автобус стоит")

    assert [refused.status_code, known.status_code, still.status_code, recovered.status_code] == [429, 201, 429, 201]
    assert problem(refused)["code"] == "too-many-attempts"
    month = timedelta(days=30).total_seconds()
    assert month - 7200 < int(refused.headers["retry-after"]) <= month


async def test_the_hundredth_guess_may_be_the_right_one_and_then_the_row_begins_anew(identity: Identity) -> None:
    await identity.registered()
    await wrong_in_a_row(identity, 99)

    assert (await identity.sign_in()).status_code == 201
    assert await identity.running.rows("SELECT 1 FROM guess_counters WHERE in_a_row > 0") == []


async def test_guesses_are_forgotten_after_their_window(identity: Identity) -> None:
    for n in range(10):
        await identity.sign_in("nobody", f"не тот {n}")
    older = "ARRAY(SELECT at - interval '901 seconds' FROM unnest(guessed_at) AS at)"
    await identity.running.rows(f"UPDATE guess_counters SET guessed_at = {older} RETURNING 1")

    assert (await identity.sign_in("nobody", "не тот")).status_code == 401


async def test_the_counters_name_nobody(identity: Identity) -> None:
    await identity.registered()
    await guess(identity, "petrova", "не тот", {"X-Forwarded-For": "203.0.113.9"})

    rows = await identity.running.rows("SELECT subject_hmac::text AS subject, guess_counters::text FROM guess_counters")

    assert len({row.subject for row in rows}) == 2
    assert not any(word in str(row) for row in rows for word in ("petrova", "203.0.113.9"))


async def test_a_right_guess_counts_for_its_address_alone(open_service: OpenService) -> None:
    identity = Identity(await open_service(service, guesses_per_address_minute=4))
    await identity.registered()

    answers: list[httpx2.Response] = [await identity.sign_in(password=PASSWORD) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
