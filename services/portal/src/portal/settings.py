"""portal's settings, `PORTAL_…`."""

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import HttpSettings


class PortalSettings(HttpSettings):
    model_config = SettingsConfigDict(env_prefix="PORTAL_")

    service: ClassVar[str] = "portal"

    http_port: int = 8080
    redis_url: SecretStr
    redis_timeout_seconds: float = 0.5
