"""A new release and a changed setting go to the cluster by one command: nothing is changed that cannot be."""

import shutil
from pathlib import Path

import pytest

from tests.k8s.rendering import Document, Overlay, rendered


@pytest.fixture
def edited(command: list[str], tree: Path, tmp_path: Path) -> "Edit":
    return Edit(command, tree, tmp_path)


class Edit:
    """A copy of the tree with one file edited, rendered."""

    def __init__(self, command: list[str], tree: Path, folder: Path) -> None:
        self._command = command
        self._copy = folder / "deploy"
        shutil.copytree(tree.parent, self._copy)

    def __call__(self, file: str, *changes: tuple[str, str]) -> Overlay:
        overlay = self._copy / "k8s/overlays/production"
        text = (overlay / file).read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (overlay / file).write_text(text)
        return Overlay("production", rendered(self._command, overlay))


def jobs(overlay: Overlay) -> dict[str, Document]:
    return {each["metadata"]["name"]: each["spec"] for each in overlay.of("Job")}


def test_a_release_brings_migrations_of_its_own_and_all_images(production: Overlay, edited: Edit) -> None:
    later = edited("installation.env", ("RELEASE=0.1.0", "RELEASE=0.2.0"), ("MIGRATION=0-1-0", "MIGRATION=0-2-0"))

    assert not jobs(production).keys() & jobs(later).keys()
    images = {
        container["image"] for pod in later.pods() for container in pod.containers if "/kabinet/" in container["image"]
    }
    assert {image.rpartition(":")[2] for image in images} == {"0.2.0"}
    assert len(images) == 5


def test_a_changed_setting_replaces_the_programs_and_no_migration(production: Overlay, edited: Edit) -> None:
    later = edited("settings/notifier.env", ("smtp.example.org", "smtp.other.example"))

    assert jobs(later) == jobs(production)
    for name in ("notifier-api", "notifier-worker"):
        assert later.one("Deployment", name) != production.one("Deployment", name)
    assert later.one("Deployment", "identity-api") == production.one("Deployment", "identity-api")


def test_selectors_hold_nothing_that_a_release_changes(production: Overlay, edited: Edit) -> None:
    later = edited("installation.env", ("RELEASE=0.1.0", "RELEASE=0.2.0"), ("MIGRATION=0-1-0", "MIGRATION=0-2-0"))

    for each in production.of("Deployment", "StatefulSet"):
        name = each["metadata"]["name"]
        assert later.one(each["kind"], name)["spec"]["selector"] == each["spec"]["selector"]


def test_a_registry_with_a_port_is_a_registry(edited: Edit) -> None:
    moved = edited("installation.env", ("REGISTRY=registry.example.org", "REGISTRY=registry.example.org:5000/team"))

    image = moved.pod("identity-api").spec["containers"][0]["image"]

    assert image == "registry.example.org:5000/team/kabinet/identity:0.1.0"


def test_the_name_of_the_migrations_is_that_of_the_release(tree: Path) -> None:
    lines = (tree / "overlays/production/installation.env").read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    assert said["MIGRATION"] == said["RELEASE"].replace(".", "-")


def test_the_installations_own_list_stays_at_home(production: Overlay) -> None:
    """It is there for the replacements; the cluster does not get it."""
    assert [
        each["metadata"]["name"] for each in production.of("ConfigMap") if "installation" in each["metadata"]["name"]
    ] == []
