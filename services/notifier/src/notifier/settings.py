"""Settings of the notifier, `NOTIFIER_<NAME>`."""

from datetime import time
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
    notices_per_domain_minute: int = 0
    """How many letters one mail domain gets before notices to it wait their turn, over all workers; 0: no limit."""
    quiet_from: time | None = None
    quiet_until: time | None = None
    """Between the two, in `time_zone`, what can wait for the morning waits: `22:00` and `8:00`; none: never."""
    mail_from: str
    support_address: str
    """Where feedback goes."""

    sms_url: str
    sms_token: SecretStr
    sms_sender: str
    sms_price_kopecks: int = 400
    """Per part, as billed; for the metric alone."""
    sms_receipt_secret: SecretStr | None = None
    """With which the provider signs its receipts; none: they are refused."""
    sms_per_second: int = 0
    """At most so many, over all workers; 0: no limit."""
    sms_receipts_origin: str | None = None
    """Where providers reach this service, as `https://lk.example.ru`; told with each SMS, where it is set."""
    sms_backup_url: str | None = None
    """Of a second provider, whose gateway speaks forms: the folder of its `send` and `status`."""
    sms_backup_login: str = ""
    sms_backup_password: SecretStr = SecretStr("")
    sms_backup_price_kopecks: int = 400
    sms_backup_receipt_secret: SecretStr | None = None
    sms_backup_per_second: int = 0
    sms_first: Literal["primary", "backup"] = "primary"
    """Who is asked first while both are well."""
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
    feedback_per_client_day: int = 50

    @property
    def retailer_genitive(self) -> str:
        named = type(self).model_fields["retailer_name_ru"].default
        if not self.retailer_name_ru_genitive and self.retailer_name_ru == named:
            return "Энергосбыта"
        return self.retailer_name_ru_genitive or f"«{self.retailer_name_ru}»"

    @field_validator("quiet_from", "quiet_until", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        if isinstance(value, str):
            return time.fromisoformat(value.rjust(5, "0")) if value else None
        return value

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
    def _both_ends_of_quiet(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours need NOTIFIER_QUIET_FROM and NOTIFIER_QUIET_UNTIL")
        return self

    @model_validator(mode="after")
    def _backup_is_whole(self) -> Self:
        if self.sms_backup_url and not (self.sms_backup_login and self.sms_backup_password.get_secret_value()):
            raise ValueError("a second SMS provider needs NOTIFIER_SMS_BACKUP_LOGIN and NOTIFIER_SMS_BACKUP_PASSWORD")
        if self.sms_first == "backup" and not self.sms_backup_url:
            raise ValueError("NOTIFIER_SMS_FIRST=backup needs NOTIFIER_SMS_BACKUP_URL")
        return self

    @property
    def mail_stays_here(self) -> bool:
        """Whether the mail server is on this machine, so that nobody in between could read."""
        return self.smtp_host in ("127.0.0.1", "::1", "localhost")

    @model_validator(mode="after")
    def _password_never_in_the_open(self) -> Self:
        if self.smtp_username and self.smtp_security == "none" and not self.mail_stays_here:
            raise ValueError("a mail password needs NOTIFIER_SMTP_SECURITY starttls or tls")
        return self
