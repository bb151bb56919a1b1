"""The keys and secrets of docker-compose.yml."""

import stat
import subprocess
import sys
from pathlib import Path

from deploy.compose import prepare
from tests.containers.compose_file import ROOT


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_what_was_made_stays(tmp_path: Path) -> None:
    prepare.prepare(tmp_path)
    made = content(tmp_path)

    prepare.prepare(tmp_path)

    assert content(tmp_path) == made


def test_what_is_missing_is_made_and_the_rest_stays(tmp_path: Path) -> None:
    prepare.prepare(tmp_path)
    made = content(tmp_path)
    (tmp_path / "secrets" / "sms_token").unlink()

    prepare.prepare(tmp_path)

    again = content(tmp_path)
    assert again.keys() == made.keys()
    assert {name for name in made if again[name] != made[name]} == {"secrets/sms_token"}


def test_the_folder_is_its_owners_and_containers_can_read_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "compose"

    prepare.prepare(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_file()} == {0o444}


def test_two_sets_share_no_secret(tmp_path: Path) -> None:
    prepare.prepare(tmp_path / "one")
    prepare.prepare(tmp_path / "two")

    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert one.keys() == two.keys()
    assert not [name for name in one if one[name] == two[name]]


def test_redis_knows_its_users_by_digests_and_each_sees_its_own_keys(tmp_path: Path) -> None:
    prepare.prepare(tmp_path)

    made = content(tmp_path / "secrets")
    users = {line.split()[1]: line.split()[2:] for line in made["redis_users"].splitlines()}
    for service in ("verification", "portal"):
        password = made[f"{service}_redis_url"].split(":")[2].split("@")[0]
        assert password not in made["redis_users"]
        assert [word for word in users[service] if word.startswith("~")] == [f"~{prepare.REDIS[service][1]}"]
    assert users["default"] == ["on", "nopass", "resetkeys", "resetchannels", "-@all", "+ping"]


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (taken := tmp_path / "taken").write_text("")
    command = [sys.executable, "-m", "deploy.compose.prepare", "--folder", str(taken)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(taken) in done.stderr
