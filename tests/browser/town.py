"""The whole set with people in it, as the browsers of the tests find it."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from deploy.embedded import sample
from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.person import PASSWORD, Person, token_in, until
from deploy.embedded.sample import Payment, Sample

OVERRIDES = {
    # Everybody comes from one address here, and nobody waits a minute for the next SMS or letter.
    "IDENTITY_GUESSES_PER_ADDRESS_MINUTE": "10000",
    "VERIFICATION_ADDRESS_SENDS_PER_HOUR": "10000",
    "VERIFICATION_RESEND_AFTER_SECONDS": "1",
    "BILLING_LINK_ATTEMPTS_PER_ADDRESS_DAY": "1000",
}
NUMBERS = count(1)
"""Phones and logins that nobody has had yet."""


def fresh_phone() -> str:
    """Neighbours lie far apart: limits on a prefix are not what is looked at."""
    return f"+7913{next(NUMBERS) * 10_007 % 10_000_000:07d}"


def fresh_login() -> str:
    return f"person-{next(NUMBERS)}"


@dataclass(kw_only=True)
class Citizen(Person):
    """Somebody of the town, known by a role."""

    password: str = PASSWORD
    own_words: frozenset[str] = frozenset()
    """What the pages show of theirs, in whatever language the page is."""


@dataclass
class Town:
    """The set, the data that was imported, and its people: `resident`, `neighbour`, `newcomer`, …"""

    kabinet: EmbeddedSet
    sample: Sample
    http: httpx2.AsyncClient
    people: dict[str, Citizen] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.kabinet.urls["portal"]

    async def registered(self, login: str, locale: str = "ru") -> Citizen:
        """Somebody who has not opened the letter yet."""
        person = Citizen(kabinet=self.kabinet, http=self.http, login=login, email=f"{login}@example.org")
        person.phone = fresh_phone()
        person.code_id = await person.ask_code(person.phone)
        code = await person.code_from_sms(person.phone)
        proof = await person.call("POST", "verification", f"/v1/codes/{person.code_id}/check", 200, {"code": code})
        form = {"login": login, "password": PASSWORD, "password_confirmation": PASSWORD, "locale": locale}
        form |= {"email": person.email, "phone": person.phone, "phone_proof": proof.json()["phone_proof"]}
        await person.call("POST", "identity", "/v1/registrations", 201, form)
        return person

    async def confirmed(self, login: str, locale: str = "ru") -> Citizen:
        """Somebody whose tokens the tests have too."""
        person = await self.registered(login, locale)
        letter = await person.message(person.email, "email", "/c/")
        await person.call("POST", "identity", "/v1/email-confirmations", 200, {"token": token_in(letter, "c")})
        person.tokens = await person.sign_in(login, PASSWORD)
        return person

    async def link(self, person: Person, payment: Payment) -> str:
        """What became of the request."""
        token = person.tokens["access_token"]
        body = {"account_number": payment.account_number, "amount": payment.amount}
        asked = await person.call("POST", "billing-link", "/v1/link-requests", 202, body, token)
        seen = await person.call("GET", "billing-link", f"{asked.headers['location']}?wait=20", 200, token=token)
        return str(seen.json()["status"])

    @asynccontextmanager
    async def stopped(self, *parts: str) -> AsyncIterator[None]:
        """The parts take connections and answer nothing, as a service that hangs."""
        pids = [pid for part in parts if (pid := self.kabinet.child(part).pid)]
        assert len(pids) == len(parts)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            await asyncio.gather(*(until(partial(self._answers, part), part) for part in parts))

    async def _answers(self, part: str) -> bool | None:
        return await self.kabinet.answers(part) or None


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Town]:
    """The set on free ports, with the sample's accounts and old logins, and its people."""
    made = sample.make(folder / "sample", datetime.now(ZoneInfo("Europe/Moscow")).date())
    async with (
        EmbeddedSet(folder / "set", free_ports=True, overrides=OVERRIDES, say=lambda _line: None) as kabinet,
        httpx2.AsyncClient(timeout=30, headers={"Accept-Language": "ru"}) as http,
    ):
        await asyncio.gather(
            kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments),
            kabinet.run("identity", "import-legacy", made.legacy_users),
        )
        town = Town(kabinet, made, http)
        await _settle(town)
        yield town


async def _settle(town: Town) -> None:
    """`resident`: accounts of every kind; `neighbour`: held one of them before; `newcomer`: nothing.

    `unconfirmed`: the letter is not opened yet; `mover`: another address waits for its letter; `migrant`: of the old
    portal, with an address that is not confirmed.
    """
    made = town.sample
    resident, neighbour, newcomer, mover, unconfirmed = await asyncio.gather(
        *(town.confirmed(login) for login in ("petrova", "sidorov", "novikova", "pereezdov")),
        town.registered("zhdanov"),
    )
    migrant = await _moved(town)
    town.people |= {"resident": resident, "neighbour": neighbour, "newcomer": newcomer, "unconfirmed": unconfirmed}
    town.people |= {"mover": mover, "migrant": migrant}
    assert await town.link(neighbour, made.links) == "linked"
    for payment, status in ((made.links, "linked"), (made.links_with_comma, "linked"), (made.closed, "refused")):
        assert await town.link(resident, payment) == status
    path, token = f"/v1/accounts/{made.links_with_comma.account_number}", resident.tokens["access_token"]
    await resident.call("PATCH", "billing-link", path, 200, {"alias": "Дача"}, token)
    another = {"email": "novyi@example.org", "current_password": PASSWORD}
    await mover.call("PUT", "identity", "/v1/me/email", 202, another, mover.tokens["access_token"])
    await until(lambda: _accounts(migrant), "the old login's account")
    for person in town.people.values():
        accounts = await _accounts(person) or [] if person.tokens else []
        shown = " ".join(f"{one['address']} {one['alias'] or ''}" for one in accounts)
        person.own_words = frozenset(re.findall(r"\w+", f"{person.login} {shown}"))


async def _moved(town: Town) -> Citizen:
    """Somebody of the old portal, which had no address; the one that was given is not confirmed."""
    _first, old, *_others = (one for one in town.sample.old_logins if not one.email)
    person = Citizen(kabinet=town.kabinet, http=town.http, login=old.login, password=old.password)
    person.email = "semenov@example.org"
    asked = await person.sign_in(old.login, old.password, 403)
    body = {"ticket": asked["ticket"], "email": person.email}
    person.tokens = (await person.call("POST", "identity", "/v1/legacy-sessions", 201, body)).json()
    return person


async def _accounts(person: Person) -> list[dict[str, Any]] | None:
    token = person.tokens["access_token"]
    answer = await person.call("GET", "billing-link", "/v1/accounts", 200, token=token)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found or None
