"""People's speed: signing in beside argon2 alone, reading and refreshing beside a bare select, queues and memory."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from argon2 import PasswordHasher
from joserfc import jwt
from uuid_utils.compat import uuid7

from deploy.embedded.ports import free_port
from identity.passwords import ARGON2_KIB, ARGON2_LANES, ARGON2_PASSES
from shared.contracts.identity import EmailConfirmationRequested, EmailConfirmationSecrets
from shared.keys import PrivateKeys
from shared.sealed import open_sealed
from tests.bench.calls import Calls
from tests.bench.identities import PASSWORD, Identities, identities, program
from tests.bench.servers import Bench
from tests.bench.table import Line, Table

TURNS = int(os.environ.get("PEOPLE_TURNS", "5"))
LOGINS = 150
READS = 3000
LANES = 16
REGISTRATIONS = 60
QUEUED = 500
PROBES = 400
MIB = 1024 * 1024


async def people(bench: Bench, table: Table) -> None:
    """Medians of turns; each turn measures the bare limit beside ours."""
    async with identities(bench) as ours:
        names = [f"person{n}" for n in range(QUEUED)]
        await ours.people(names)
        await _signing_in(ours, table)
        await _reading(bench, ours, table, names)
        await _registering(bench, ours, table)
        await _queueing(ours, table, names)


async def _signing_in(ours: Identities, table: Table) -> None:
    bare, rates = [], []
    for turn in range(TURNS):
        table.progress("sign-ins", turn, TURNS)
        bare.append(await asyncio.to_thread(argon2_alone, LOGINS))
        rates.append(await _rate(ours.port, [_login(f"person{n}") for n in range(LOGINS)], lanes=8))
    table.add(Line("argon2id alone, a thread per core", median(bare), "hashes/s"))
    table.add(Line("sign-ins, with everything that they write", median(rates), "logins/s"))
    ratios = [one / limit for one, limit in zip(rates, bare, strict=True)]
    table.add(Line("sign-ins / argon2 alone", median(ratios), "", least=0.90))


def argon2_alone(count: int) -> float:
    """Verifications a second on all cores, with the figures of `passwords`."""
    hasher = PasswordHasher(ARGON2_PASSES, ARGON2_KIB, ARGON2_LANES)
    stored = hasher.hash(PASSWORD)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        began = time.perf_counter()
        list(threads.map(lambda _: hasher.verify(stored, PASSWORD), range(count)))
        return count / (time.perf_counter() - began)


Call = Callable[[Calls], Awaitable[Any]]


def _login(login: str) -> Call:
    async def call(calls: Calls) -> None:
        answer = await calls.post("/v1/sessions", {"login": login, "password": PASSWORD})
        assert answer.status == 201, answer.body

    return call


async def _rate(port: int, work: Sequence[Call], lanes: int = LANES) -> float:
    """Calls a second, through so many connections at once."""
    left = iter(work)

    async def lane() -> None:
        async with Calls(port) as calls:
            for call in left:
                await call(calls)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return len(work) / (time.perf_counter() - began)


async def _reading(bench: Bench, ours: Identities, table: Table, names: list[str]) -> None:
    tokens = [await ours.tokens(name) for name in names[:LANES]]
    port = free_port()
    environment = {"BARE_DATABASE_URL": ours.inside.kernel.database.dsn, "BARE_PORT": str(port)}
    bare: list[float] = []
    me: list[float] = []
    refreshed: list[float] = []
    async with program(("-m", "tests.bench.bare_reads"), environment, port):
        for turn in range(TURNS):
            table.progress("reads", turn, TURNS)
            ids = [one["user"]["id"] for one in tokens]
            bare.append(await _rate(port, [_got(f"/users/{ids[n % LANES]}") for n in range(READS)]))
            reads = [_got("/v1/me", tokens[n % LANES]["access_token"]) for n in range(READS)]
            me.append(await _rate(ours.port, reads))
            refreshed.append(await _refreshes(ours, tokens, READS // LANES))
    table.add(Line("bare FastAPI + asyncpg select", median(bare), "reads/s"))
    table.add(Line("GET /v1/me", median(me), "reads/s"))
    table.add(Line("GET /v1/me / bare", median(m / b for m, b in zip(me, bare, strict=True)), "", least=0.6))
    table.add(Line("POST /v1/sessions/refresh, committed", median(refreshed), "calls/s"))
    table.add(Line("refresh / bare", median(r / b for r, b in zip(refreshed, bare, strict=True)), "", least=0.6))


def _got(path: str, token: str = "") -> Call:
    async def call(calls: Calls) -> None:
        answer = await calls.get(path, token)
        assert answer.status == 200, answer.body

    return call


async def _refreshes(ours: Identities, tokens: list[dict[str, Any]], each: int) -> float:
    """Calls a second: each session's refresh tokens one after the other, the sessions side by side."""

    async def lane(held: dict[str, Any]) -> None:
        async with ours.calls() as calls:
            for _ in range(each):
                answer = await calls.post("/v1/sessions/refresh", {"refresh_token": held["refresh_token"]})
                assert answer.status == 200, answer.body
                held["refresh_token"] = answer.json["refresh_token"]

    began = time.perf_counter()
    await asyncio.gather(*(lane(one) for one in tokens))
    return each * len(tokens) / (time.perf_counter() - began)


async def _registering(bench: Bench, ours: Identities, table: Table) -> None:
    """From the form to the confirmed address, as two calls and what lies between them."""
    forms = [_form(bench, n) for n in range(REGISTRATIONS)]

    def register(form: dict[str, Any]) -> Call:
        async def call(calls: Calls) -> None:
            answer = await calls.post("/v1/registrations", form)
            assert answer.status == 201, answer.body

        return call

    def confirm(token: str) -> Call:
        async def call(calls: Calls) -> None:
            answer = await calls.post("/v1/email-confirmations", {"token": token})
            assert answer.status == 200, answer.body

        return call

    began = time.perf_counter()
    await _rate(ours.port, [register(form) for form in forms], lanes=8)
    notifier = PrivateKeys(bench.keys / "notifier.private.jwks.json")
    letters = await ours.inside.said(EmailConfirmationRequested)
    await _rate(
        ours.port, [confirm(open_sealed(one, EmailConfirmationSecrets, notifier).token) for one in letters], lanes=8
    )
    table.add(Line("registrations, to the confirmed address", len(letters) / (time.perf_counter() - began), "people/s"))


def _form(bench: Bench, n: int) -> dict[str, Any]:
    phone = f"+7912{n:07d}"
    key = PrivateKeys(bench.keys / "verification.private.jwks.json").signing()
    claims = {"iss": "kabinet-verification", "aud": "kabinet-identity", "jti": str(uuid7()), "phone": phone}
    claims["purpose"] = "registration"
    header = {"alg": "EdDSA", "typ": "phone-proof+jwt", "kid": key.kid}
    proof = jwt.encode(header, {**claims, "exp": int(time.time()) + 900}, key, algorithms=["EdDSA"])
    return {
        "login": f"newcomer{n}",
        "password": PASSWORD,
        "password_confirmation": PASSWORD,
        "email": f"newcomer{n}@example.org",
        "phone": phone,
        "phone_proof": proof,
    }


async def _queueing(ours: Identities, table: Table, names: list[str]) -> None:
    """What everybody else feels while 500 people sign in at once, and what the queue takes of memory."""
    token = (await ours.tokens(names[0]))["access_token"]
    idle, before = await _p99(ours, token), _resident(ours.pid)
    done = asyncio.Event()
    probing = asyncio.create_task(_p99(ours, token, done))

    async def one(name: str) -> int:
        async with ours.calls() as calls:
            return (await calls.post("/v1/sessions", {"login": name, "password": PASSWORD})).status

    statuses = await asyncio.gather(*(one(name) for name in names))
    done.set()
    busy = await probing
    assert set(statuses) <= {201, 503}, set(statuses)
    table.add(Line("GET /v1/me, p99, idle", idle * 1000, "ms"))
    table.add(Line("GET /v1/me, p99, while 500 logins queue", busy * 1000, "ms"))
    table.add(Line("p99 with the queue / idle", busy / idle, "", most=3))
    table.add(Line("of 500 at once let in within 10 s", statuses.count(201), "people"))
    table.add(Line("memory for 500 queued logins, at its peak", _peak(ours.pid) - before, "MiB", most=96))


async def _p99(ours: Identities, token: str, until: asyncio.Event | None = None) -> float:
    """Of calls one every 10 ms: of 400, or of all until the event."""
    times: list[float] = []
    async with ours.calls() as calls:
        while len(times) < PROBES if until is None else not until.is_set():
            began = time.perf_counter()
            assert (await calls.get("/v1/me", token)).status == 200
            times.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)
    return quantiles(times, n=100)[-1]


def _resident(pid: int) -> float:
    return _status(pid, "VmRSS")


def _peak(pid: int) -> float:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024 / MIB
