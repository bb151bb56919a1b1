"""People of a rehearsal: each with a phone, a login and an address of their own, over HTTP against a running set."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2

from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.person import PASSWORD, Person, token_in

_NUMBERS = count(1)
OVERRIDES: Mapping[str, str] = {
    "IDENTITY_GUESSES_PER_ADDRESS_MINUTE": "1000000",
    "BILLING_LINK_ATTEMPTS_PER_ADDRESS_DAY": "1000000",
}
"""Everybody comes from one address, which is not what is rehearsed."""


@dataclass(kw_only=True)
class Customer(Person):
    """A person who registers like everybody."""

    password: str = PASSWORD

    async def register(self, after: int = 0) -> None:
        """To the confirmed address, and in; `after` so many registrations of the same person."""
        code_id = await self.ask_code(self.phone)
        code = await self.code_from_sms(self.phone, after)
        shown = await self.call("POST", "verification", f"/v1/codes/{code_id}/check", 200, {"code": code})
        form = {"login": self.login, "password": self.password, "password_confirmation": self.password}
        form |= {"email": self.email, "phone": self.phone, "phone_proof": shown.json()["phone_proof"]}
        await self.call("POST", "identity", "/v1/registrations", 201, form)
        letter = await self.message(self.email, "email", "/c/", after)
        await self.call("POST", "identity", "/v1/email-confirmations", 200, {"token": token_in(letter, "c")})
        self.tokens = await self.sign_in(self.login, self.password)

    @property
    def id(self) -> str:
        return str(self.tokens["user"]["id"])

    async def status(self, method: str, service: str, path: str, body: Any = None) -> int:
        """Of a call in this person's name, whatever it is."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        answer = await self.http.request(method, f"{self.kabinet.urls[service]}{path}", json=body, headers=headers)
        return answer.status_code

    async def refresh(self, tokens: Mapping[str, Any] | None = None) -> int:
        """Renew the session, or another one of theirs; the status, and the new tokens where there are some."""
        body = {"refresh_token": (tokens or self.tokens)["refresh_token"]}
        answer = await self.http.post(f"{self.kabinet.urls['identity']}/v1/sessions/refresh", json=body)
        if answer.status_code == 200 and tokens is None:
            self.tokens = {**self.tokens, **answer.json()}
        return answer.status_code

    async def letters(self, containing: str) -> int:
        """How many this person ever got with that text."""
        answer = await self.http.get(f"{self.kabinet.mailbox_url}/api/messages", params={"to": self.email})
        return sum(containing in one["text"] for one in answer.json()["items"])

    async def numbers(self) -> list[str]:
        """Of the accounts that this person holds."""
        return sorted(one["account_number"] for one in await self.accounts())


async def customers(kabinet: EmbeddedSet, http: httpx2.AsyncClient, *names: str) -> Sequence[Customer]:
    """All of them registered and signed in, at the same time."""
    made = []
    for name in names:
        number = next(_NUMBERS)
        phone = f"+7912{number * 10_007:07d}"  # neighbours lie far apart: no limit of a range is met
        who: dict[str, Any] = {"login": f"{name}-{number}", "email": f"{name}-{number}@example.org", "phone": phone}
        made.append(Customer(kabinet=kabinet, http=http, **who))
    await asyncio.gather(*(one.register() for one in made))
    return made
