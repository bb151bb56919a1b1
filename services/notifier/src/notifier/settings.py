"""Settings of the notifier, `NOTIFIER_<NAME>`."""

from typing import ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from email_validator import validate_email
from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class NotifierSettings(ServiceSettings):
    """Where letters and SMS go out, who writes them, and where the portal is."""

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_", frozen=True, extra="forbid")

    service: ClassVar[str] = "notifier"

    http_port: int = 8004

    smtp_host: str
    smtp_port: int = 587
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_connections: int = 8
    mail_from: str
    support_address: str
    """Where feedback goes."""

    sms_url: str
    sms_token: SecretStr
    sms_sender: str
    sms_connections: int = 16
    code_digits: int = 5
    """As verification's; only for the warning about an SMS of two parts."""

    portal_origin: str
    """`https://lk.example.ru`: every link of every letter stands under it, and no request can change it."""
    retailer_name_ru: str = "Энергосбыт"
    retailer_name_ru_genitive: str = ""
    """As in «кабинет Энергосбыта»; none: the name in quotation marks, which needs no case."""
    retailer_name_en: str = "Energosbyt"
    retailer_phone: str = "8 800 000-00-00"
    retailer_phone_from: str = "8:00"
    retailer_phone_until: str = "20:00"
    time_zone: ZoneInfo = ZoneInfo("Europe/Moscow")

    receipts_per_address_day: int = 3

    @property
    def retailer_genitive(self) -> str:
        named = type(self).model_fields["retailer_name_ru"].default
        if not self.retailer_name_ru_genitive and self.retailer_name_ru == named:
            return "Энергосбыта"
        return self.retailer_name_ru_genitive or f"«{self.retailer_name_ru}»"

    @field_validator("mail_from", "support_address")
    @classmethod
    def _one_address(cls, value: str) -> str:
        return validate_email(value, check_deliverability=False).normalized

    @field_validator("portal_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        scheme, separator, rest = value.rstrip("/").partition("://")
        if scheme not in ("http", "https") or not separator or not rest or "/" in rest or "@" in rest:
            raise ValueError("an origin such as https://lk.example.ru, without a path")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _password_never_in_the_open(self) -> Self:
        if (
            self.smtp_username
            and self.smtp_security == "none"
            and self.smtp_host not in ("127.0.0.1", "::1", "localhost")
        ):
            raise ValueError("a mail password needs NOTIFIER_SMTP_SECURITY starttls or tls")
        return self
