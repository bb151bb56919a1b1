"""Sessions: identity's tokens, which never reach a page, and their renewal, once however many tabs ask."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from portal.asking import Services
from portal.drawers import Drawer
from portal.refusing import Away, Refused, SessionEnded

EARLY_SECONDS = 20
"""An access token is renewed so long before it runs out: it must last through the page."""
LOOK_SECONDS = 0.05
"""How often a tab looks whether another one has brought the new tokens."""


@dataclass(frozen=True)
class Tokens:
    """What identity gave. Ids and tokens, and nothing that says who it is."""

    access: str
    refresh: str
    until: float
    """By this machine's clock; one that goes wrong costs a call that is refused and made again."""
    session_id: str
    user_id: str

    @classmethod
    def of(cls, answer: Mapping[str, Any], user_id: str) -> "Tokens":
        until = time.time() + answer["expires_in"] - EARLY_SECONDS
        return cls(answer["access_token"], answer["refresh_token"], until, answer["session_id"], user_id)

    @classmethod
    def kept(cls, fields: Mapping[str, Any]) -> "Tokens | None":
        """From what a drawer holds."""
        return cls(**fields["tokens"]) if "tokens" in fields else None

    def as_kept(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def fresh(self) -> bool:
        return time.time() < self.until


async def renewed(
    drawer: Drawer, stale: Tokens, services: Services, headers: Mapping[str, str], seconds: float
) -> tuple[Tokens, int | None]:
    """Tokens newer than `stale`, and where they were fetched here the seconds that the session lives.

    One tab fetches them, under a lock in Redis; the others, of whatever process, wait for what it brings. Where its
    answer got lost, identity gives the same successor once more (promise 11). Raises `SessionEnded`.
    """
    deadline = time.monotonic() + seconds
    while (lock := await drawer.lock()) is None:
        if time.monotonic() > deadline:
            raise Away("identity")
        await asyncio.sleep(LOOK_SECONDS)
        if (others := await _others(drawer, stale)) is not None:
            return others, None
    try:
        if (others := await _others(drawer, stale)) is not None:
            return others, None
        return await _fetched(drawer, stale, services, headers, deadline - time.monotonic())
    finally:
        await drawer.unlock(lock)


async def _others(drawer: Drawer, stale: Tokens) -> Tokens | None:
    """What another tab has put into the drawer meanwhile."""
    found = Tokens.kept(await drawer.read())
    if found is None:
        raise SessionEnded
    return found if found.refresh != stale.refresh else None


async def _fetched(
    drawer: Drawer, stale: Tokens, services: Services, headers: Mapping[str, str], seconds: float
) -> tuple[Tokens, int]:
    body = {"refresh_token": stale.refresh}
    try:
        answer = await services.call(
            "identity", "POST", "/v1/sessions/refresh", body=body, headers=headers, seconds=max(seconds, 0.1)
        )
    except Refused as refused:
        if refused.status != 401:
            raise
        await drawer.empty()
        raise SessionEnded from None
    tokens = Tokens.of(answer.body, stale.user_id)
    lives: int = answer.body["refresh_expires_in"]
    await drawer.write(lives, {"tokens": tokens.as_kept()})
    return tokens, lives
