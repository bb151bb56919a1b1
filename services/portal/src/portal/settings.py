"""portal's settings, `PORTAL_…`."""

from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import HttpSettings


class PortalSettings(HttpSettings):
    """Where the cabinet is, where the services are, and what the retailer is called."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_")

    service: ClassVar[str] = "portal"

    http_port: int = 8080
    public_url: str
    """As people see it, `https://lk.example.ru`. Plain http is taken on this machine's own addresses alone."""
    redis_url: SecretStr
    redis_timeout_seconds: float = 0.5

    identity_url: str
    verification_url: str
    billing_link_url: str
    notifier_url: str
    page_seconds: float = 3.0
    """So long a page may wait for the services; then it says that they do not answer."""
    service_connections: int = 400
    """At most so many to each service; a page that waits for a check of an account holds one for up to 20 s."""

    presession_seconds: int = 3600
    """How long somebody who has not signed in keeps a message or the page to come back to."""
    draft_seconds: int = 900
    """How long what was typed is kept on the server."""
    device_days: int = 365

    consent_document: str | None = None
    """As identity's: the name of what people agree to by pressing the button of the registration."""
    retailer_name_ru: str = "Энергосбыт"
    retailer_name_en: str = "Energosbyt"
    retailer_phone: str = "8 800 000-00-00"
    retailer_phone_from: str = "8:00"
    retailer_phone_until: str = "20:00"
    time_zone: ZoneInfo = ZoneInfo("Europe/Moscow")

    @field_validator("public_url", "identity_url", "verification_url", "billing_link_url", "notifier_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("not an origin such as https://lk.example.ru")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("public_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        if value.startswith("http:") and not is_loopback(urlsplit(value).hostname or ""):
            raise ValueError("people's passwords travel here: the address begins with https://")
        return value

    @property
    def behind_tls(self) -> bool:
        return self.public_url.startswith("https:")


def is_loopback(host: str) -> bool:
    """Whether the name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
