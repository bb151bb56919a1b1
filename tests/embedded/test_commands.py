"""What the commands of deploy/ say to somebody who made an ordinary mistake."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.children import CannotStart
from deploy.embedded.demo import scratch
from deploy.embedded.environment import PORTS
from deploy.embedded.launcher import ROOT
from deploy.embedded.ports import free_ports


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` from the checkout, on ports that nobody has."""
    ports = zip((variable for variable, _ in PORTS.values()), map(str, free_ports(len(PORTS))), strict=True)
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **dict(ports), **variables},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("KABINET_KAFKA", "127.0.0.1:1"), ("KABINET_POSTGRES_URL", "postgresql://a:b@127.0.0.1:1/postgres")],
)
def test_server_of_ones_own_that_is_away_is_told_without_a_traceback(tmp_path: Path, variable: str, value: str) -> None:
    ended = run("deploy.embedded", "up", "--folder", tmp_path, **{variable: value})

    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 2, ended.stderr
    assert f"The server that {variable} names cannot be used" in ended.stderr


def test_folder_of_a_failed_demo_is_kept_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    failure = CannotStart("no")

    with pytest.raises(CannotStart), scratch("kabinet-test-") as folder:
        raise failure

    assert folder.is_dir()
    assert str(folder) in capsys.readouterr().err
    folder.rmdir()


@pytest.mark.parametrize("ending", [None, asyncio.CancelledError()])
def test_folder_of_a_demo_that_held_or_was_stopped_is_gone(ending: BaseException | None) -> None:
    try:
        with scratch("kabinet-test-") as folder:
            (folder / "log").write_text("well")
            if ending:
                raise ending
    except asyncio.CancelledError:
        pass

    assert not folder.exists()


@pytest.mark.parametrize("command", ["deploy.lock", "deploy.keys", "deploy.embedded", "deploy.embedded.mailbox"])
def test_help_says_what_it_is_and_changes_nothing(command: str) -> None:
    before = (ROOT / "pyproject.toml").read_bytes()

    helped = run(command, "--help")

    assert (helped.returncode, helped.stdout[:6]) == (0, "usage:")
    assert "`" not in helped.stdout
    assert (ROOT / "pyproject.toml").read_bytes() == before


def test_folder_for_keys_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    ended = run("deploy.keys", tmp_path / "file" / "keys")

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{tmp_path / 'file' / 'keys'} cannot be written: ")
    assert ended.stderr.endswith("make keys DIR=folder\n")
    assert len(ended.stderr.splitlines()) == 1
