"""Drafts: what was typed, kept on the server for a quarter of an hour, readable with the browser's cookie alone."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from portal.drawers import SECRET, Drawer, new_secret
from portal.web.cookies import DRAFT, Cookies


@dataclass(frozen=True)
class Drafts:
    """One drawer for each browser, and in it a field for each thing that is being done."""

    cookies: Cookies
    redis: Redis
    seconds: int

    async def read(self, name: str) -> dict[str, Any]:
        """Empty where there is none, or it is older than a draft lives."""
        secret = self.cookies.get(DRAFT)
        if not SECRET.fullmatch(secret):
            return {}
        return dict((await self._drawer(secret).read()).get(name, {}))

    async def keep(self, name: str, **values: Any) -> None:
        """In the place of what was kept under this name. All that the drawer holds lives on from now."""
        secret = self.cookies.get(DRAFT)
        if not SECRET.fullmatch(secret):
            secret = new_secret()
        await self._drawer(secret).write(self.seconds, {name: values})
        self.cookies.put(DRAFT, secret, self.seconds)

    async def forget(self, name: str) -> None:
        secret = self.cookies.get(DRAFT)
        if SECRET.fullmatch(secret):
            await self._drawer(secret).drop(name)

    def _drawer(self, secret: str) -> Drawer:
        return Drawer(self.redis, "draft", secret)
