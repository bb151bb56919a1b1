"""Who gets which settings, and whose win."""

from pathlib import Path

import pytest

from deploy.embedded import environment
from deploy.embedded.children import CannotStart
from deploy.embedded.environment import SERVICES, Secrets, Servers


def own(tmp_path: Path) -> dict[str, str]:
    ports = environment.choose_ports(False, {})
    servers = Servers("postgresql://postgres:top@127.0.0.1:15432/postgres", "redis://:r@127.0.0.1:16379", "k:19092")
    return environment.settings(ports, servers, Secrets.of(tmp_path / "secrets.json"), tmp_path / "keys")


def test_service_gets_its_own_settings_and_no_other_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_SMS_TOKEN", "exported")

    found = environment.for_service("billing-link", own(tmp_path))

    services = {name for name in found if environment.is_a_services(name)}
    assert services
    assert all(name.startswith("BILLING_LINK_") for name in services)


def test_each_service_opens_its_own_database_with_its_own_password(tmp_path: Path) -> None:
    urls = {name: value for name, value in own(tmp_path).items() if name.endswith("_DATABASE_URL")}

    assert len(set(urls.values())) == len(urls) == 4
    assert urls["BILLING_LINK_DATABASE_URL"].startswith("postgresql://billing_link:")
    assert urls["BILLING_LINK_DATABASE_URL"].endswith("@127.0.0.1:15432/billing_link")


def test_secrets_stay_the_same_in_a_file_of_the_owner(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    assert Secrets.of(file) == Secrets.of(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_exported_variables_win_over_the_launchers(tmp_path: Path) -> None:
    exported = {"IDENTITY_LOG_LEVEL": "DEBUG", "IDENTITY_BEARER_SECONDS": "60", "HOME": "/nobody"}

    found = environment.with_exported(own(tmp_path), exported, exported_wins=True)

    assert found["IDENTITY_LOG_LEVEL"] == "DEBUG"
    assert found["IDENTITY_BEARER_SECONDS"] == "60"
    assert "HOME" not in found


def test_set_on_free_ports_is_not_led_astray_by_another_sets_variables(tmp_path: Path) -> None:
    exported = {"IDENTITY_DATABASE_URL": "postgresql://elsewhere", "IDENTITY_BEARER_SECONDS": "60"}

    found = environment.with_exported(own(tmp_path), exported, exported_wins=False)

    assert "elsewhere" not in found["IDENTITY_DATABASE_URL"]
    assert found["IDENTITY_BEARER_SECONDS"] == "60"


def test_ports_are_the_contracts_and_move_by_their_variables() -> None:
    ports = environment.choose_ports(False, {"IDENTITY_HTTP_PORT": "9001"})

    assert [ports[service] for service in SERVICES] == [9001, 8002, 8003, 8004, 8080]
    assert ports["mailbox"] == 8025


def test_port_that_is_no_number_is_named() -> None:
    with pytest.raises(CannotStart, match="KABINET_KAFKA_PORT=many"):
        environment.choose_ports(False, {"KABINET_KAFKA_PORT": "many"})
