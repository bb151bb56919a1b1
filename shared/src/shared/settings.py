"""Settings: environment variables `<SERVICE>_<NAME>`, read once at start, frozen, passed on."""

import os
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

S = TypeVar("S", bound="HttpSettings")
Network = IPv4Network | IPv6Network


class HttpSettings(BaseSettings):
    """What every HTTP program needs. A subclass sets `service` and its `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    service: ClassVar[str] = ""
    """The service's name, as in its topic, its Kafka group and its console script."""

    http_host: str = "127.0.0.1"
    http_port: int
    log_level: str = "INFO"
    public_keys_file: Path
    private_keys_file: Path
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """CIDRs, comma-separated, whose `X-Forwarded-For` is believed."""
    max_body_bytes: int = 65536
    request_seconds: float = 10.0
    """A request that arrives slower, or is not answered in this time, is cut."""
    otlp_endpoint: str | None = None
    """Where OpenTelemetry traces go; none: telemetry is off."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value


class ServiceSettings(HttpSettings):
    """A service with a database of its own and a place on the event backbone."""

    database_url: SecretStr
    """`postgresql://role:password@host:port/database`"""
    database_pool_size: int = 10
    statement_timeout_seconds: float = 8.0
    lock_timeout_seconds: float = 4.0
    kafka_bootstrap_servers: str
    worker_port: int = 0
    """Where a separate `worker` serves its health and metrics; 0: the service's port + 1000."""
    consumer_batch_records: int = 1000
    dead_letter_tries: int = 3
    """Deliveries of one record alone before it is parked."""
    outbox_retention_days: int = 7
    """As long as the topic's retention: `outbox resend` needs the sent rows."""
    inbox_retention_days: int = 8
    """At least the longest retention of a topic that is read, plus one day."""


def load(settings: type[S]) -> S:
    """The settings from the environment, or exit 2 with one line per variable that is missing or wrong.

    `<SERVICE>_SECRETS_DIR` names a folder of files that hold single values, one file per variable, in lower case.
    """
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    try:
        return settings(_secrets_dir=os.environ.get(f"{prefix}SECRETS_DIR"))
    except ValidationError as problem:
        for error in problem.errors(include_input=False, include_url=False):
            name = prefix + "_".join(map(str, error["loc"])).upper()
            print(f"{name}: {error['msg']}", file=sys.stderr)
        print(
            f"Set what is named above in the environment (or in {prefix}SECRETS_DIR) and start again.",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
