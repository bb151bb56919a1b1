"""Fixtures: the overlays, rendered once per run."""

import os
from pathlib import Path

import pytest

from tests.k8s.rendering import OVERLAYS, Overlay, copied, kustomize, rendered

REQUIRED = os.environ.get("KABINET_KUSTOMIZE") == "required"
"""Set by the gate: there these tests are not left out."""


@pytest.fixture(scope="session")
def command() -> list[str]:
    if (found := kustomize()) is not None:
        return found
    wanted = "no kustomize on this machine: kubectl, or `go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1`"
    if REQUIRED:
        pytest.fail(wanted)
    pytest.skip(wanted)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("manifests"))


@pytest.fixture(scope="session")
def overlays(command: list[str], tree: Path) -> dict[str, Overlay]:
    return {name: Overlay(name, rendered(command, tree / "overlays" / name)) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, overlays: dict[str, Overlay]) -> Overlay:
    return overlays[request.param]


@pytest.fixture
def production(overlays: dict[str, Overlay]) -> Overlay:
    return overlays["production"]
