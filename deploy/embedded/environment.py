"""The settings of every service in the set: ports, addresses, secrets, as the environment variables that they read."""

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded.children import CannotStart
from deploy.embedded.ports import HOST, free_ports
from deploy.embedded.topics import FILE as TOPICS_FILE

SERVICES = ("identity", "verification", "billing-link", "notifier", "portal")
WITH_DATABASE = ("identity", "verification", "billing-link", "notifier")

PORTS: Mapping[str, tuple[str, int]] = {
    "postgres": ("KABINET_POSTGRES_PORT", 15432),
    "redis": ("KABINET_REDIS_PORT", 16379),
    "kafka": ("KABINET_KAFKA_PORT", 19092),
    "kafka-controller": ("KABINET_KAFKA_CONTROLLER_PORT", 19093),
    "mailbox": ("KABINET_MAILBOX_PORT", 8025),
    "smtp": ("KABINET_SMTP_PORT", 10025),
    "portal": ("PORTAL_HTTP_PORT", 8080),
    "identity": ("IDENTITY_HTTP_PORT", 8001),
    "verification": ("VERIFICATION_HTTP_PORT", 8002),
    "billing-link": ("BILLING_LINK_HTTP_PORT", 8003),
    "notifier": ("NOTIFIER_HTTP_PORT", 8004),
}
"""What listens, the variable that moves it, and where it listens else."""


def prefix(service: str) -> str:
    return service.replace("-", "_").upper() + "_"


def database_name(service: str) -> str:
    return service.replace("-", "_")


def choose_ports(free: bool, exported: Mapping[str, str]) -> dict[str, int]:
    """The ports of the contract, as moved by exported variables; or free ones for a set beside another."""
    if free:
        return dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    chosen = {name: exported.get(variable) or str(default) for name, (variable, default) in PORTS.items()}
    for name, port in chosen.items():
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise CannotStart(f"{PORTS[name][0]}={port} is not a port number.")
    return {name: int(port) for name, port in chosen.items()}


@dataclass(frozen=True)
class Secrets:
    """Passwords and tokens of one set, made once and kept in its folder (mode 600)."""

    databases: dict[str, str]
    sms_token: str

    @classmethod
    def of(cls, file: Path) -> "Secrets":
        if not file.exists():
            made = {
                "databases": {database_name(service): secrets.token_urlsafe(24) for service in WITH_DATABASE},
                "sms_token": secrets.token_urlsafe(24),
            }
            (new := file.with_suffix(".new")).touch(mode=0o600)
            new.write_text(json.dumps(made))
            new.rename(file)
        return cls(**json.loads(file.read_text()))


@dataclass(frozen=True)
class Servers:
    """Where the three servers answer: the set's own, or those that the user named."""

    postgres_url: str
    """The superuser's."""
    redis_url: str
    """Without a database number."""
    kafka: str


def settings(ports: Mapping[str, int], servers: Servers, known: Secrets, keys: Path) -> dict[str, str]:
    """Every service's variables as the launcher would have them."""
    found: dict[str, str] = {"KAFKA_BOOTSTRAP_SERVERS": servers.kafka}
    for service in SERVICES:
        found |= {f"{prefix(service)}{name}": value for name, value in _common(service, ports, keys).items()}
    address = urlsplit(servers.postgres_url).netloc.rpartition("@")[2]
    for service in WITH_DATABASE:
        name = database_name(service)
        found[f"{prefix(service)}DATABASE_URL"] = f"postgresql://{name}:{known.databases[name]}@{address}/{name}"
        found[f"{prefix(service)}KAFKA_BOOTSTRAP_SERVERS"] = servers.kafka
        found[f"{prefix(service)}TOPICS_FILE"] = str(TOPICS_FILE)
        found[f"{prefix(service)}WORKER_PORT"] = str(ports[service] + 1000)
        found[f"{prefix(service)}TRUSTED_PROXIES"] = f"{HOST}/32"  # the portal passes the browser's address on
    found["VERIFICATION_REDIS_URL"] = f"{servers.redis_url}/0"
    found["VERIFICATION_ADDRESS_SENDS_PER_HOUR"] = "1000"  # here everybody comes from one address
    return found | _portal(ports, servers) | _sending(ports, known)


def _common(service: str, ports: Mapping[str, int], keys: Path) -> dict[str, str]:
    return {
        "HTTP_HOST": HOST,
        "HTTP_PORT": str(ports[service]),
        "PUBLIC_KEYS_FILE": str(keys / "public.jwks.json"),
        "PRIVATE_KEYS_FILE": str(keys / f"{service}.private.jwks.json"),
        "LOG_LEVEL": "INFO",
    }


def _portal(ports: Mapping[str, int], servers: Servers) -> dict[str, str]:
    """Where the cabinet is seen, and the services that it asks."""
    asked = {f"PORTAL_{prefix(service)}URL": f"http://{HOST}:{ports[service]}" for service in WITH_DATABASE}
    return asked | {
        "PORTAL_PUBLIC_URL": f"http://{HOST}:{ports['portal']}",
        "PORTAL_REDIS_URL": f"{servers.redis_url}/1",
        "PORTAL_RETAILER_NAME_RU": "Энергосбыт",
        "PORTAL_RETAILER_NAME_EN": "Energosbyt",
        "PORTAL_RETAILER_PHONE": "+7 495 000-00-00",
    }


def _sending(ports: Mapping[str, int], known: Secrets) -> dict[str, str]:
    return {
        "NOTIFIER_SMTP_HOST": HOST,
        "NOTIFIER_SMTP_PORT": str(ports["smtp"]),
        "NOTIFIER_SMTP_SECURITY": "none",
        "NOTIFIER_MAIL_FROM": "kabinet@energosbyt.example",
        "NOTIFIER_SUPPORT_ADDRESS": "support@energosbyt.example",
        "NOTIFIER_PORTAL_ORIGIN": f"http://{HOST}:{ports['portal']}",
        "NOTIFIER_SMS_URL": f"http://{HOST}:{ports['mailbox']}/sms/messages",
        "NOTIFIER_SMS_TOKEN": known.sms_token,
        "NOTIFIER_SMS_SENDER": "Energosbyt",
        "NOTIFIER_SMS_RECEIPTS_ORIGIN": f"http://{HOST}:{ports['notifier']}",
        "NOTIFIER_SMS_RECEIPT_SECRET": known.sms_token,
        "NOTIFIER_SMS_BACKUP_URL": f"http://{HOST}:{ports['mailbox']}/http",
        "NOTIFIER_SMS_BACKUP_LOGIN": "kabinet",
        "NOTIFIER_SMS_BACKUP_PASSWORD": known.sms_token,
        "NOTIFIER_SMS_BACKUP_RECEIPT_SECRET": known.sms_token,
        "NOTIFIER_RETAILER_NAME_RU": "Энергосбыт",
        "NOTIFIER_RETAILER_NAME_EN": "Energosbyt",
        "NOTIFIER_RETAILER_PHONE": "+7 495 000-00-00",
    }


def is_a_services(variable: str) -> bool:
    return variable.startswith(tuple(map(prefix, SERVICES)))


def for_service(service: str, found: Mapping[str, str]) -> dict[str, str]:
    """What one service's process gets: the machine's variables and its own, no other service's secrets."""
    machine = {name: value for name, value in os.environ.items() if not is_a_services(name)}
    own = {name: value for name, value in found.items() if name.startswith(prefix(service))}
    return machine | {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"} | own


def with_exported(own: Mapping[str, str], exported: Mapping[str, str], exported_wins: bool) -> dict[str, str]:
    """The launcher's own settings together with those that the user exported.

    A set on free ports keeps its own: a shell that still holds another set's variables must not lead it astray.
    """
    theirs = {name: value for name, value in exported.items() if is_a_services(name) or name in own}
    return {**own, **theirs} if exported_wins else {**theirs, **own}


def write(file: Path, found: Mapping[str, str]) -> None:
    """`KEY=VALUE` lines for a shell's `.`, readable by the owner alone."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(found.items())))
