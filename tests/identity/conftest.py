"""identity, opened on a database of its own, and the steps that several tests share."""

import csv
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from joserfc import jwt
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from identity import letters
from identity.importing import Imported, import_legacy
from identity.main import service
from shared.contracts.identity import (
    EmailConfirmationRequested,
    EmailConfirmationSecrets,
    PasswordRecoveryRequested,
    PasswordRecoverySecrets,
)
from shared.events import Event
from shared.keys import PrivateKeys
from shared.sealed import open_sealed
from tests.kit import Running

Secrets = TypeVar("Secrets", bound=BaseModel)
PASSWORD = "синий трамвай едет в депо"
FORM = {
    "login": "petrova",
    "password": PASSWORD,
    "password_confirmation": PASSWORD,
    "email": "petrova@mail.ru",
    "phone": "8 912 345-67-89",
}


def bearer(tokens: dict[str, str]) -> dict[str, str]:
    """The header of whoever holds the tokens of a sign-in."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}


@dataclass
class Identity:
    """A running identity, and what people do with it."""

    running: Running

    @property
    def client(self) -> httpx2.AsyncClient:
        return self.running.client

    def phone_proof(self, phone: str = "+79123456789", **claims: Any) -> str:
        """A proof as verification signs it."""
        key = PrivateKeys(self.running.keys / "verification.private.jwks.json").signing()
        header = {"alg": "EdDSA", "typ": "phone-proof+jwt", "kid": key.kid}
        made = {
            "iss": "kabinet-verification",
            "aud": "kabinet-identity",
            "jti": str(uuid7()),
            "exp": int(time.time()) + 900,
            "phone": phone,
            "purpose": "registration",
        }
        return jwt.encode(header, made | claims, key, algorithms=["EdDSA"])

    async def register(self, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx2.Response:
        body = {**FORM, **fields}
        body.setdefault("phone_proof", self.phone_proof())
        return await self.client.post("/v1/registrations", json=body, headers=headers)

    async def confirm(self, token: str) -> httpx2.Response:
        return await self.client.post("/v1/email-confirmations", json={"token": token})

    async def registered(self, **fields: Any) -> str:
        """The id of somebody registered and confirmed."""
        answer = await self.register(**fields)
        assert answer.status_code == 201, answer.text
        assert (await self.confirm((await self.confirmations())[-1].token)).status_code == 200
        return str(answer.json()["id"])

    async def sign_in(self, login: str = "petrova", password: str = PASSWORD, **fields: Any) -> httpx2.Response:
        return await self.client.post("/v1/sessions", json={"login": login, "password": password, **fields})

    async def confirmations(self) -> list[EmailConfirmationSecrets]:
        events = await self.running.said(EmailConfirmationRequested)
        return [open_sealed(event, EmailConfirmationSecrets, self._notifier) for event in events]

    async def recoveries(self) -> list[PasswordRecoverySecrets]:
        """The recovery letters, after the worker has decided all that was asked for."""
        await self.decide()
        events = await self.running.said(PasswordRecoveryRequested)
        return [open_sealed(event, PasswordRecoverySecrets, self._notifier) for event in events]

    async def decide(self) -> None:
        while await letters.decide_next(self.running.wired):
            pass

    async def recover(self, login_or_email: str) -> httpx2.Response:
        return await self.client.post("/v1/password-recoveries", json={"login_or_email": login_or_email})

    async def reset(self, token: str, password: str = "зелёный автобус стоит") -> httpx2.Response:
        body = {"token": token, "password": password, "password_confirmation": password}
        return await self.client.post("/v1/password-resets", json=body)

    async def import_old(self, folder: Path, *rows: tuple[str, str, str, str], as_of: date | None = None) -> Imported:
        """Import rows of account_number, password_hash, email, phone."""
        with (folder / "legacy_users.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["account_number", "password_hash", "email", "phone"])
            out.writerows(rows)
        day = as_of or datetime.now(UTC).date()
        kernel = self.running.kernel
        return await import_legacy(
            kernel.database, kernel.private_keys, folder / "legacy_users.csv", digits=(8,), as_of=day
        )

    async def let_pass(self, table: str, column: str, interval: str) -> None:
        await self.running.rows(f"UPDATE {table} SET {column} = {column} - interval '{interval}' RETURNING 1")

    def opened(self, event: Event, secrets: type[Secrets]) -> Secrets:
        """What travels sealed with the event, as the notifier reads it."""
        return open_sealed(event, secrets, self._notifier)

    @property
    def _notifier(self) -> PrivateKeys:
        return PrivateKeys(self.running.keys / "notifier.private.jwks.json")


@pytest.fixture
async def identity(open_service: Callable[..., Awaitable[Running]]) -> Identity:
    return Identity(await open_service(service, guesses_per_address_minute=1000))
