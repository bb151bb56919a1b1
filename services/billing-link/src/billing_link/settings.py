"""Settings of billing-link, `BILLING_LINK_<NAME>`."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class BillingLinkSettings(ServiceSettings):
    """Where the service listens, and how often somebody may guess."""

    model_config = SettingsConfigDict(env_prefix="BILLING_LINK_", frozen=True, extra="forbid")

    service: ClassVar[str] = "billing-link"

    http_port: int = 8003
    time_zone: ZoneInfo = ZoneInfo("Europe/Moscow")
    """Where the retailer is: there it is decided which day a request was made on."""
    accounts_per_user: int = 50
    attempts_per_account: int = 5
    """Over all users, in `attempts_account_days`: each is a guess at somebody's payment."""
    attempts_account_days: int = 30
    attempts_per_user_day: int = 5
    attempts_per_address_day: int = 20
    attempts_per_day: int = 2000
    """In all; above it nobody can ask for an account, and somebody must look."""
