"""Settings of billing-link, `BILLING_LINK_<NAME>`."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field
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
    objection_days: int = 30
    """So long may an earlier holder end a link that was made by an amount."""
    guess_bound_alarm: float = Field(default=0.05, gt=0, le=1)
    """The chance of linking one account by guessing above which every computation of it raises an alarm."""
    refuse_amounts_above: float | None = Field(default=None, ge=0.0005, le=1)
    """An amount that more than this share of the accounts could be linked by links none of them; none: every may."""
    payments_retention_days: int = Field(default=120, ge=100)
    """What was paid earlier goes: it confirms nothing after three months and the 72 hours of a request."""
