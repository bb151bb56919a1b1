"""Settings: from the environment, frozen; what is missing or wrong is one clear line and exit 2."""

from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings, load


class RoomSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ROOM_")

    service: ClassVar[str] = "room"
    http_port: int = 8009
    redis_url: SecretStr = SecretStr("redis://127.0.0.1")


GOOD = {
    "ROOM_DATABASE_URL": "postgresql://room:secret@127.0.0.1/room",
    "ROOM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "ROOM_PUBLIC_KEYS_FILE": "/keys/public.jwks.json",
    "ROOM_PRIVATE_KEYS_FILE": "/keys/room.private.jwks.json",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from a set that may run in the checkout
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOM_HTTP_PORT", "9000")
    monkeypatch.setenv("ROOM_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")

    settings = load(RoomSettings)

    assert settings.http_port == 9000
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_settings_are_frozen_and_hide_secrets() -> None:
    settings = load(RoomSettings)

    with pytest.raises(ValidationError):
        settings.http_port = 1  # type: ignore[misc]
    assert "secret" not in repr(settings)


def test_missing_setting_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ROOM_DATABASE_URL")

    with pytest.raises(SystemExit) as ended:
        load(RoomSettings)

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "ROOM_DATABASE_URL: is not set" in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOM_HTTP_PORT", "canary"),
        ("ROOM_HTTP_PORT", "99999"),
        ("ROOM_HTTP_PORT", "0"),
        ("ROOM_WORKER_PORT", "-1"),
        ("ROOM_REQUEST_SECONDS", "canary"),
        ("ROOM_DATABASE_URL", "canary"),
        ("ROOM_DATABASE_URL", "mysql://room:canary@127.0.0.1/room"),
        ("ROOM_DATABASE_URL", "postgresql://room:pass@127.0.0.1:canary/room"),
        ("ROOM_REDIS_URL", "canary"),
        ("ROOM_DEAD_LETTERS_LIMIT", "0"),
    ],
)
def test_wrong_setting_is_named_and_not_echoed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit):
        load(RoomSettings)

    said = capsys.readouterr().err
    assert said.startswith(f"{name}: ")
    assert "canary" not in said
    assert "99999" not in said
    assert len(said.splitlines()) == 2


def test_set_that_runs_here_is_hinted_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("ROOM_DATABASE_URL")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var/embedded").mkdir(parents=True)
    (tmp_path / "var/embedded/env").write_text("")

    with pytest.raises(SystemExit):
        load(RoomSettings)

    assert capsys.readouterr().err.endswith("set -a; . var/embedded/env; set +a\n")


def test_secrets_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROOM_DATABASE_URL")
    (tmp_path / "room_database_url").write_text("postgresql://room:filed@127.0.0.1/room\n")
    monkeypatch.setenv("ROOM_SECRETS_DIR", str(tmp_path))

    assert "filed" in load(RoomSettings).database_url.get_secret_value()
