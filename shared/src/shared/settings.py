"""Settings: environment variables `<SERVICE>_<NAME>`, read once at start, frozen, passed on."""

import os
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared import failpoints

S = TypeVar("S", bound="HttpSettings")
Network = IPv4Network | IPv6Network

RUNNING_SET = Path("var/embedded/env")
"""The settings of the set that `make up` runs, while it runs, seen from the checkout."""


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
    otlp_ratio: float = Field(default=1.0, gt=0, le=1)
    """The share of traces that are recorded, the same ones in every service that has the same share."""
    fail_points: str = ""
    """For tests of faults alone (`shared/failpoints.py`): where the process dies, waits or fails."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    # By name, so that it holds for a field which a subclass writes anew with its own default.
    @field_validator("*")
    @classmethod
    def _port(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        lowest = 0 if name == "worker_port" else 1
        if name.endswith("_port") and isinstance(value, int) and not lowest <= value <= 65535:
            raise ValueError(f"a port is a number from {lowest} to 65535")
        return value

    @field_validator("fail_points")
    @classmethod
    def _fail_points(cls, value: str) -> str:
        failpoints.parse(value)
        return value

    @field_validator("redis_url", check_fields=False)
    @classmethod
    def _redis_url(cls, value: SecretStr) -> SecretStr:
        return _url(value, ("redis", "rediss", "unix"), "redis://:password@host:6379/0")


def _url(value: SecretStr, schemes: tuple[str, ...], example: str) -> SecretStr:
    """The value as it is; a `ValueError` that shows the example and nothing of the value."""
    try:
        parts = urlsplit(value.get_secret_value())
        good = parts.scheme in schemes and (parts.port or parts.netloc or parts.path.strip("/") or parts.query)
    except ValueError:  # its port is no number
        good = None
    if not good:
        raise ValueError(f"not a URL such as {example}")
    return value


class ServiceSettings(HttpSettings):
    """A service with a database of its own and a place on the event backbone."""

    database_url: SecretStr
    """`postgresql://role:password@host:port/database`; `?sslmode=verify-full&sslrootcert=/path` as libpq has them"""
    database_pool_size: int = 10
    """Connections for transactions, and as many for statements that stand alone: twice as many at most."""
    statement_timeout_seconds: float = 8.0
    lock_timeout_seconds: float = 4.0
    kafka_bootstrap_servers: str
    kafka_ca_file: Path | None = None
    """PEM: who signed the brokers' certificates; with it, Kafka is spoken to over TLS."""
    kafka_certificate_file: Path | None = None
    """PEM, with `kafka_key_file`: by which the brokers know this service (mutual TLS)."""
    kafka_key_file: Path | None = None
    worker_port: int = 0
    """Where a separate `worker` serves its health and metrics; 0: the service's port + 1000."""
    consumer_batch_records: int = 1000
    dead_letter_tries: int = 3
    """Deliveries of one record alone before it is parked."""
    dead_letters_limit: int = Field(default=1000, ge=1)
    """Letters that may wait before a partition stands where its next record would be another."""
    topics_file: Path = Path("deploy/topics.yaml")
    """Topics and readers, and how long each keeps what; the default is the checkout's."""

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: SecretStr) -> SecretStr:
        return _url(value, ("postgresql",), "postgresql://role:password@host:5432/database")


def variable(settings: type[HttpSettings], field: str) -> str:
    """The environment variable of a field."""
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def load(settings: type[S]) -> S:
    """The settings from the environment, or exit 2 with one line per variable that is missing or wrong.

    `<SERVICE>_SECRETS_DIR` names a folder of files that hold single values, one file per variable, in lower case.
    """
    folder = variable(settings, "secrets_dir")
    try:
        return settings(_secrets_dir=os.environ.get(folder))
    except ValidationError as problem:
        for error in problem.errors(include_input=False, include_url=False):
            name = variable(settings, "_".join(map(str, error["loc"])))
            told = "is not set" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
            print(f"{name}: {told}", file=sys.stderr)
        print(f"Set what is named above in the environment (or in {folder}) and start again.", file=sys.stderr)
        if RUNNING_SET.exists():
            print(f"A set runs here; its settings: set -a; . {RUNNING_SET}; set +a", file=sys.stderr)
        raise SystemExit(2) from None
