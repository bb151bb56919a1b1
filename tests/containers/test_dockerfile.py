"""deploy/Dockerfile and what reaches a build."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.compose_file import ROOT, parts

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
STAND_INS = sorted((ROOT / "tests/containers/images").glob("*/Dockerfile"))


def hadolint(file: Path, *ignored: str) -> str:
    options = [part for rule in ignored for part in ("--ignore", rule)]
    command = [str(Path(sys.executable).with_name("hadolint")), *options, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_hadolint_finds_nothing() -> None:
    assert hadolint(DOCKERFILE) == ""


@pytest.mark.parametrize("file", STAND_INS, ids=lambda file: file.parent.name)
def test_hadolint_finds_nothing_in_the_stand_ins(file: Path) -> None:
    # They are made of what Debian has today (DL3008), and their users have the names of the images' own (DL3066).
    assert hadolint(file, "DL3008", "DL3066") == ""


def test_every_member_of_the_workspace_is_in_the_lock_of_an_image() -> None:
    members = [str(file.parent.relative_to(ROOT)) for file in ROOT.glob("services/*/pyproject.toml")]

    for member in ("shared", *members):
        assert f"COPY {member}/pyproject.toml {member}/\n" in DOCKERFILE.read_text()


def test_nothing_reaches_a_build_but_what_it_copies() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    copied = {path.split("/")[0] for line in sources for path in line.split()}

    assert rules[0] == "*"
    assert let_in == copied


def test_a_program_is_the_first_process_and_no_root() -> None:
    final = DOCKERFILE.read_text().rpartition("\nFROM ")[2]

    assert 'ENTRYPOINT ["/app/program"]' in final
    assert "USER 10001:10001" in final
    assert "org.opencontainers.image.version" in final


def test_every_image_of_ours_is_built_from_it() -> None:
    for part in parts().values():
        if part["image"].startswith("kabinet/"):
            assert part["build"]["dockerfile"] == "deploy/Dockerfile"
            service = part["build"].get("args", {}).get("SERVICE") or part["build"]["target"]
            assert part["image"] == f"kabinet/{service}:dev"
