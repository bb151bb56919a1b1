"""verification's settings, `VERIFICATION_…`."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class VerificationSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="VERIFICATION_")

    service: ClassVar[str] = "verification"

    http_port: int = 8002
    redis_url: SecretStr
    redis_timeout_seconds: float = Field(default=0.8, gt=0)
    """The bound of one question to Redis, both tries together: the answer must be out within a second (promise 14)."""
    countries: tuple[str, ...] = Field(default=("RU",), min_length=1)
    """Countries whose numbers get codes, ISO codes; the first is the one of numbers without a country."""

    code_digits: int = Field(default=5, ge=4, le=10)
    code_lifetime_seconds: int = Field(default=600, ge=1)
    code_checks: int = Field(default=5, ge=1)
    phone_proof_lifetime_seconds: int = Field(default=900, ge=1)

    resend_after_seconds: int = Field(default=60, ge=0)
    phone_sends_per_day: int = Field(default=5, ge=1)
    phone_wrong_checks_per_day: int = Field(default=10, ge=1)
    address_sends_per_hour: int = Field(default=10, ge=1)
    """Of one address, IPv6 by /64."""
    prefix_sends_per_hour: int = Field(default=50, ge=1)
    """To numbers that differ in their last four digits alone, while a lower share than the next is verified."""
    prefix_verified_percent: int = Field(default=20, ge=0, le=100)
    country_sends_per_hour: int = Field(default=750, ge=1)
    """To the first of `countries`; the default is what the money of an hour buys."""
    other_country_sends_per_hour: int = Field(default=75, ge=1)
    """To each other one: traffic is pumped to where it pays, which is seldom at home."""
    sms_price_roubles: Decimal = Field(default=Decimal(4), gt=0)
    money_per_hour_roubles: Decimal = Field(default=Decimal(3000), gt=0)
    money_per_day_roubles: Decimal = Field(default=Decimal(20000), gt=0)
    refusals_retention_days: int = Field(default=14, ge=1)

    @model_validator(mode="after")
    def _money_buys_something(self) -> "VerificationSettings":
        if min(self.money_per_hour_roubles, self.money_per_day_roubles) < self.sms_price_roubles:
            raise ValueError("the money of an hour and of a day must each buy one SMS")
        return self
