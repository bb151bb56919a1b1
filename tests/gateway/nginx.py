"""nginx with the files of deploy/gateway, as a child of the tests."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.children import Child
from deploy.embedded.ports import HOST, free_port
from tests.certificates import certificate_for

FILES = Path(__file__).parents[2] / "deploy" / "gateway"
SERVICES = ("identity", "verification", "billing-link", "notifier", "portal")
TRUSTING = f"set_real_ip_from {HOST};\nreal_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n"
"""A trusted.conf: the tests are a proxy in front of the gateway."""


def program() -> str | None:
    """`KABINET_NGINX_PROGRAM`, else what is installed; Debian keeps it where only root's PATH leads."""
    named = os.environ.get("KABINET_NGINX_PROGRAM")
    return named or shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Gateway:
    """`nginx.conf` and the rest as they are; only ports, services' places and trusted proxies are the tests' own."""

    def __init__(self, folder: Path, upstreams: Mapping[str, str], *, trusted: str = "", names: str = "") -> None:
        """`upstreams`: a place for each service; nothing answers for one that has none. `names`: instead of them a
        resolver's address, which is asked for compose's names."""
        self.folder = folder
        self.port = free_port()
        self.files = folder / "gateway"
        shutil.copytree(FILES, self.files)
        if names:
            self._write(
                "upstreams.conf", self._read("upstreams.conf").replace("resolver 127.0.0.11", f"resolver {names}")
            )
        else:
            self.lead_to(upstreams)
        self._write("listen.conf", re.sub(r"listen 8000", f"listen {HOST}:{self.port}", self._read("listen.conf")))
        if trusted:
            self._write("trusted.conf", trusted)
        self.child = Child("nginx", self.command(), folder / "log")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        return self.child.log.read_text()

    def command(self, *more: str) -> list[str]:
        found = program()
        assert found is not None, "the fixture `nginx` comes first"
        # Workers of a master that is root become another user, who may not look into the tests' folders.
        as_root = ["-g", "user root;"] if os.geteuid() == 0 else []
        return [found, "-e", "stderr", "-p", str(self.folder), "-c", str(self.files / "nginx.conf"), *as_root, *more]

    def lead_to(self, upstreams: Mapping[str, str]) -> None:
        """Before the start: these places, and no others."""
        self._write("upstreams.conf", places(upstreams))

    async def start(self) -> None:
        self.child.start()
        await self.child.wait_ready(self.ready)

    async def stop(self) -> None:
        await self.child.stop()

    async def ready(self) -> bool:
        try:
            _reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True

    def _read(self, name: str) -> str:
        return (self.files / name).read_text()

    def _write(self, name: str, text: str) -> None:
        (self.files / name).write_text(text)


class TlsGateway(Gateway):
    """With tls.conf in the place of listen.conf, and a certificate of its own making. It has to be led somewhere."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {})
        self.plain_port = free_port()
        text = re.sub(r" *listen \[::\].*\n", "", self._read("tls.conf"))
        text = text.replace("listen 8443", f"listen {HOST}:{self.port}").replace(
            "listen 8080", f"listen {HOST}:{self.plain_port}"
        )
        self._write("listen.conf", text)
        self.certificate = certificate_for(self.files / "tls")

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"


def places(upstreams: Mapping[str, str]) -> str:
    """An upstreams.conf of addresses; what is not named is a port on which nothing listens."""
    lines = (f"    {service} {upstreams.get(service, f'{HOST}:1')};" for service in SERVICES)
    return "\n".join(("map $owner $upstream {", '    default "";', *lines, "}", ""))
