"""verification's settings, `VERIFICATION_…`."""

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class VerificationSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="VERIFICATION_")

    service: ClassVar[str] = "verification"

    http_port: int = 8002
    redis_url: SecretStr
    redis_timeout_seconds: float = 0.5
    countries: tuple[str, ...] = ("RU",)
    """Countries whose numbers get codes, ISO codes; the first is the one of numbers without a country."""
    code_digits: int = 5
    code_lifetime_seconds: int = 600
    code_checks: int = 5
    resend_after_seconds: int = 60
    phone_sends_per_day: int = 5
    phone_wrong_checks_per_day: int = 10
    phone_proof_lifetime_seconds: int = 900
