"""identity's settings, `IDENTITY_…`."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from identity.old_hashes import Costs
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
    retailer_names: tuple[str, ...] = ("Энергосбыт", "Energosbyt")
    """Words that anybody would guess in a password here, beside the user's own."""
    legacy_login_until: date | None = None
    """The last day (UTC) on which a password of the old portal opens anything; none: no end. Recovery goes on."""
    legacy_bcrypt_cost: int = 14
    """This and the next: what an imported hash may cost at most; a row above it is rejected (`old_hashes.Costs`)."""
    legacy_crypt_rounds: int = 1_000_000
    legacy_phpass_log2_rounds: int = 20
    legacy_pbkdf2_iterations: int = 2_000_000
    legacy_argon2_kib: int = 256 * 1024
    legacy_argon2_kib_passes: int = 1024 * 1024
    legacy_argon2_lanes: int = 16
    hashes_at_once: int | None = None
    """Password hashes at work at a time; none: one per core."""
    registration_hours: int = 72
    confirmation_hours: int = 24
    recovery_minutes: int = 60
    reversal_hours: int = 72
    erasure_hours: int = 24
    """An erasure that waits longer for its receipts is named by readiness."""
    ticket_minutes: int = 15
    phone_proof_tries: int = 10
    letter_again_seconds: int = 60
    letters_per_day: int = 5
    recovery_letters_per_hour: int = 3
    guesses_per_login: int = 10
    """Wrong ones in the window, from all devices that are not known; a known device has as many of its own."""
    guesses_window_seconds: int = 900
    guesses_in_a_row: int = 100
    """Wrong ones, however slow; then only a known device or a recovery lets in, until the days have passed."""
    guesses_in_a_row_days: int = 30
    guesses_per_address_minute: int = 30
    session_idle_days: int = 14
    session_absolute_days: int = 90
    sessions_per_user: int = 10
    sign_ins_kept_days: int = 365
    """How long a sign-in stays in its user's history; changes and consents stay as long as the user."""
    refresh_again_seconds: int = 30

    @field_validator("account_number_digits", mode="before")
    @classmethod
    def _lengths(cls, value: object) -> object:
        return tuple(int(part) for part in value.split(",")) if isinstance(value, str) else value

    @property
    def legacy_costs(self) -> Costs:
        return Costs(**{name: getattr(self, f"legacy_{name}") for name in Costs.__dataclass_fields__})
