"""What changed is written down, for each release that is kept to be tried beside today's."""

import re
import tomllib

from deploy.supply.closure import ROOT

HEADINGS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
MEMBERS = [ROOT, ROOT / "shared", *sorted(file.parent for file in (ROOT / "services").glob("*/pyproject.toml"))]


def test_kept_release_has_its_part() -> None:
    kept = [
        folder.name for folder in (ROOT / "tests/releases").iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", folder.name)
    ]

    assert kept
    assert [version for version in kept if not any(said.startswith(f"{version} - ") for said in HEADINGS)] == []


def test_newest_comes_first_and_releases_have_a_day() -> None:
    first, *released = HEADINGS

    assert first == "Unreleased"
    assert [said for said in released if not re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", said)] == []


def test_every_member_has_the_version_of_the_whole() -> None:
    versions = {tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"] for folder in MEMBERS}

    assert len(versions) == 1
