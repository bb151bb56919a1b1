"""Settings that would send letters wrongly are refused at start."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from notifier.main import service
from notifier.settings import NotifierSettings

GOOD: dict[str, Any] = {
    "database_url": "postgresql://notifier:x@127.0.0.1/notifier",
    "kafka_bootstrap_servers": "127.0.0.1:9092",
    "public_keys_file": Path("public.jwks.json"),
    "private_keys_file": Path("notifier.private.jwks.json"),
    "smtp_host": "mail.example",
    "mail_from": "kabinet@energosbyt.example",
    "support_address": "support@energosbyt.example",
    "sms_url": "https://sms.example/messages",
    "sms_token": "t",
    "sms_sender": "Energosbyt",
    "portal_origin": "https://lk.example.ru/",
}


def test_mail_is_encrypted_unless_it_is_said_otherwise() -> None:
    settings = NotifierSettings(**GOOD)

    assert settings.smtp_security == "starttls"
    assert settings.portal_origin == "https://lk.example.ru"


def test_mail_password_never_goes_in_the_open() -> None:
    with pytest.raises(ValidationError):
        NotifierSettings(**GOOD, smtp_security="none", smtp_username="kabinet", smtp_password="x")


@pytest.mark.parametrize(
    "origin", ["lk.example.ru", "ftp://lk.example.ru", "https://", "https://u@lk.example.ru", "https://lk.example.ru/x"]
)
def test_portal_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError):
        NotifierSettings(**{**GOOD, "portal_origin": origin})


@pytest.mark.parametrize("name", ["mail_from", "support_address"])
def test_sender_and_support_are_one_address_each(name: str) -> None:
    with pytest.raises(ValidationError):
        NotifierSettings(**{**GOOD, name: "a@energosbyt.example, b@energosbyt.example"})


def test_other_retailers_name_needs_no_case_unless_one_is_given() -> None:
    named = NotifierSettings(**GOOD, retailer_name_ru="Тверьэнерго")

    assert NotifierSettings(**GOOD).retailer_genitive == "Энергосбыта"
    assert named.retailer_genitive == "«Тверьэнерго»"
    given = NotifierSettings(**GOOD, retailer_name_ru="Заря", retailer_name_ru_genitive="Зари")
    assert given.retailer_genitive == "Зари"


def test_quiet_hours_have_both_ends_or_none() -> None:
    quiet = NotifierSettings(**GOOD, quiet_from="22:00", quiet_until="8:00")

    assert (quiet.quiet_from, quiet.quiet_until) == (time(22), time(8))
    assert NotifierSettings(**GOOD, quiet_from="", quiet_until="").quiet_from is None
    with pytest.raises(ValidationError, match="NOTIFIER_QUIET_UNTIL"):
        NotifierSettings(**GOOD, quiet_from="22:00")


@pytest.mark.parametrize(
    "half", [{"sms_backup_url": "https://sms2.example/http"}, {"sms_first": "backup"}, {"sms_first": "another"}]
)
def test_second_provider_is_whole_or_there_is_none(half: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NotifierSettings(**{**GOOD, **half})


async def test_letters_that_would_go_unencrypted_are_told_of_aloud(open_service: Any) -> None:
    needed = {name: value for name, value in GOOD.items() if not name.endswith(("_url", "_file", "_servers"))}
    with capture_logs() as said:
        await open_service(service, **needed, sms_url=GOOD["sms_url"], smtp_security="none")

    assert "letters_go_unencrypted" in [one["event"] for one in said]
