"""Nothing but the right password tells who exists: the same work, statements and bytes on every path of a sign-in."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from identity import credentials, old_hashes
from identity.made_up_hashes import made_up
from identity.main import service
from tests.bench.silence import auc, pairs, prepared, sampled
from tests.identity.conftest import PASSWORD, Identity
from tests.kit import Running

OLD = "qwerty77"
SCHEMES = {
    "md5": hashlib.md5(OLD.encode()).hexdigest(),
    "sha1": hashlib.sha1(OLD.encode()).hexdigest(),
    "sha1$": "sha1$salt$" + hashlib.sha1(b"salt" + OLD.encode()).hexdigest(),
    "bcrypt:4": "$2b$04$abcdefghijklmnopqrstuu0vRGppTozK6FYdC7M6wmbLtr6fbhNDa",
    "md5-crypt:1000": made_up("md5-crypt:1000"),
    "sha512-crypt:1000": made_up("sha512-crypt:1000"),
    "phpass:2048": made_up("phpass:2048"),
    "argon2id:1024,1,1": made_up("argon2id:1024,1,1"),
    "django:sha256,1000,32": made_up("django:sha256,1000,32"),
    "aspnet:sha1,1000,32": made_up("aspnet:sha1,1000,32"),
    "ssha": made_up("ssha"),
}
NUMBERS = {kind: f"6712345{n}" if n < 10 else f"671234{n}" for n, kind in enumerate(SCHEMES)}


class Work:
    """What was hashed and asked while it was watched."""

    def __init__(self) -> None:
        self.argon2 = 0
        self.old: Counter[str] = Counter()
        self.statements: list[str] = []


@contextmanager
def watched(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()
    passwords = identity.running.wired.passwords
    hasher = passwords._hasher

    class Counted:
        def hash(self, *arguments: Any) -> str:
            work.argon2 += 1
            return str(hasher.hash(*arguments))

        def verify(self, *arguments: Any) -> bool:
            work.argon2 += 1
            return bool(hasher.verify(*arguments))

    def verify(old: old_hashes.OldHash, password: str) -> bool:
        work.old[old.kind] += 1
        return real(old, password)

    real = old_hashes.verify

    def asked(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        work.statements.append(statement)

    engine = identity.running.kernel.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", asked)
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_hasher", Counted())
        patch.setattr(old_hashes, "verify", verify)
        yield work
    event.remove(engine, "before_cursor_execute", asked)


@pytest.fixture
async def town(identity: Identity, tmp_path: Path) -> Identity:
    """Somebody of every kind that there is."""
    await identity.registered()
    await identity.import_old(tmp_path, *((NUMBERS[kind], old, "a@mail.ru", "") for kind, old in SCHEMES.items()))
    for login in ("blocked", "awaiting"):
        await identity.running.rows(
            "INSERT INTO users (id, login, login_key, status, password_hash, password_weak, email, locale, origin)"
            " SELECT gen_random_uuid(), :login, :login, :status, password_hash, false, 'b@mail.ru', 'ru', 'registered'"
            " FROM users WHERE login = 'petrova' RETURNING 1",
            login=login,
            status="awaiting_email" if login == "awaiting" else login,
        )
    return identity


REFUSED = ["petrova", "blocked", "awaiting", "nobody", "67000001", "67000002", "67000003", *NUMBERS.values()]


async def test_every_wrong_guess_costs_one_argon2_and_the_same_statements(
    town: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {}

    for login in REFUSED:
        with watched(town, monkeypatch) as work:
            assert (await town.sign_in(login, "не тот")).status_code == 401
        told[login] = work

    assert {login: work.argon2 for login, work in told.items()} == dict.fromkeys(REFUSED, 1)
    assert {tuple(work.statements) for work in told.values()} == {tuple(told["nobody"].statements)}
    assert {login: dict(told[login].old) for login in NUMBERS.values()} == {
        number: {kind: 1} for kind, number in NUMBERS.items()
    }
    assert all(told[login].old.total() == 1 for login in ("67000001", "67000002", "67000003"))
    assert not any(told[login].old for login in ("petrova", "blocked", "awaiting", "nobody"))


async def test_a_right_password_costs_one_argon2_too(town: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}

    for login, password in [
        ("petrova", PASSWORD), ("blocked", PASSWORD), ("awaiting", PASSWORD), (NUMBERS["md5"], OLD),
        (NUMBERS["bcrypt:4"], OLD), (NUMBERS["md5"], OLD),
    ]:  # fmt: skip
        with watched(town, monkeypatch) as work:
            assert (await town.sign_in(login, password)).status_code in (201, 403)
        told[login] = work.argon2

    assert set(told.values()) == {1}


async def test_a_guess_that_is_refused_unheard_costs_none_whoever_it_was_meant_for(
    town: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = ["petrova", "nobody", NUMBERS["md5"], "67000001"]
    for login in logins:
        for n in range(10):
            await town.sign_in(login, f"не тот {n}")
    told = {}

    for login in logins:
        with watched(town, monkeypatch) as work:
            answer = await town.sign_in(login, "не тот")
        told[login] = (answer.status_code, answer.content, work.argon2, work.old.total(), tuple(work.statements))

    assert set(told.values()) == {told["nobody"]}
    assert told["nobody"][0] == 429
    assert told["nobody"][2:4] == (0, 0)


async def test_every_refusal_has_the_same_bytes(town: Identity) -> None:
    answers = [await town.sign_in(login, "не тот") for login in REFUSED]

    def shown(headers: Any) -> list[tuple[str, str]]:
        return [(name, value) for name, value in headers.items() if name not in ("x-request-id", "traceparent")]

    assert {answer.content for answer in answers} == {answers[0].content}
    assert all(shown(answer.headers) == shown(answers[0].headers) for answer in answers)


async def drawn(identity: Identity, numbers: range) -> dict[str, str]:
    """The kind of work that each number, which nobody has, would cost; `moved`: argon2 alone."""
    told = {}
    for number in map(str, numbers):
        found = await credentials.look_up(number, identity.running.wired)
        told[number] = found.old.kind if found.old else "moved"
    return told


async def mix(identity: Identity, **people: tuple[int, int]) -> None:
    await identity.running.rows("DELETE FROM old_hash_kinds RETURNING 1")
    for kind, (waiting, moved) in people.items():
        values = {"kind": kind, "waiting": waiting, "moved": moved}
        await identity.running.rows("INSERT INTO old_hash_kinds VALUES (:kind, :waiting, :moved) RETURNING 1", **values)


async def test_unknown_numbers_are_drawn_from_the_live_mix(identity: Identity) -> None:
    await mix(identity, md5=(600, 0), ssha=(150, 50), sha1=(0, 200))

    counted = Counter((await drawn(identity, range(10_000_000, 10_000_400))).values())

    assert counted.keys() == {"md5", "ssha", "moved"}
    assert 200 < counted["md5"] < 280
    assert 35 < counted["ssha"] < 90
    assert 65 < counted["moved"] < 140


async def test_an_unknown_number_keeps_its_kind_until_it_would_have_moved(identity: Identity) -> None:
    """As people do: from their old hash to ours, and never to another one or back."""
    seen = []
    for moved in (0, 30, 60, 100):
        await mix(identity, md5=(100 - moved, moved), ssha=(100 - moved, moved))
        seen.append(await drawn(identity, range(10_000_000, 10_000_060)))

    for before, after in pairwise(seen):
        assert all(after[number] in (kind, "moved") for number, kind in before.items())
    assert [Counter(one.values())["moved"] for one in seen] == sorted(Counter(one.values())["moved"] for one in seen)
    assert set(seen[0].values()) == {"md5", "ssha"}
    assert set(seen[-1].values()) == {"moved"}


async def test_a_number_whose_credential_was_used_up_counts_as_moved(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, ("67123456", SCHEMES["md5"], "", ""), ("67123457", SCHEMES["md5"], "", ""))
    await identity.sign_in("67123456", OLD)
    await identity.running.rows("DELETE FROM users RETURNING 1")

    assert (await drawn(identity, range(67_123_456, 67_123_457))) == {"67123456": "moved"}


async def test_moving_over_is_counted_in_the_mix(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, *((f"6712345{n}", SCHEMES["md5"], "a@mail.ru", "") for n in range(3)))

    await identity.sign_in("67123450", OLD)

    assert await identity.running.rows("SELECT kind, waiting, moved FROM old_hash_kinds") == [("md5", 2, 1)]


async def test_a_name_is_never_drawn_for(identity: Identity) -> None:
    await mix(identity, md5=(1, 0))
    found = await credentials.look_up("nobody", identity.running.wired)

    assert found == credentials.Credential()


async def test_the_time_of_a_refusal_tells_nothing(
    open_service: Callable[..., Awaitable[Running]], tmp_path: Path
) -> None:
    """The short form of `make bench`'s part "silence": 200 samples, 0.10."""
    kinds = ("md5", "bcrypt:6")
    identity = Identity(
        await open_service(service, guesses_per_address_minute=10**6, guesses_per_login=10**6, guesses_in_a_row=10**6)
    )
    classes = await prepared(identity.running, tmp_path, kinds, 20)
    watched_ones = {name: classes[name] for name in (
        "name unknown", "name active", *(f"{kind} {what}" for kind in kinds for what in ("waiting", "unknown")),
    )}  # fmt: skip

    async def refused(login: str) -> None:
        assert (await identity.sign_in(login, "не тот")).status_code == 401

    times = await sampled(watched_ones, refused, 200)

    told = {pair: abs(auc(times[pair[0]], times[pair[1]]).value - 0.5) for pair in pairs(times)}
    assert len(told) == 3
    assert max(told.values()) <= 0.10, told
