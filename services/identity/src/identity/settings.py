"""identity's settings, `IDENTITY_…`."""

from typing import Annotated, ClassVar

from pydantic import field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="IDENTITY_")

    service: ClassVar[str] = "identity"

    http_port: int = 8001
    countries: tuple[str, ...] = ("RU",)
    """Countries of phones, ISO codes; the first is the one of numbers without a country."""
    account_number_digits: Annotated[tuple[int, ...], NoDecode] = (8,)
    """Lengths of account numbers, `8` or `8,10`: logins of that form belong to the old portal's people."""
    consent_document: str | None = None
    """The consent that a registration must name; none: none is asked for."""
    hashes_at_once: int | None = None
    """Password hashes at work at a time; none: one per core."""
    registration_hours: int = 72
    confirmation_hours: int = 24
    recovery_minutes: int = 60
    ticket_minutes: int = 15
    phone_proof_tries: int = 10
    letter_again_seconds: int = 60
    letters_per_day: int = 5
    recovery_letters_per_hour: int = 3
    guesses_per_login: int = 10
    guesses_window_seconds: int = 900
    guesses_per_address_minute: int = 30
    session_idle_days: int = 14
    session_absolute_days: int = 90
    refresh_again_seconds: int = 30

    @field_validator("account_number_digits", mode="before")
    @classmethod
    def _lengths(cls, value: object) -> object:
        return tuple(int(part) for part in value.split(",")) if isinstance(value, str) else value
