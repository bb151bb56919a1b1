"""The system of docker-compose.yml, up once for the tests that need it running (`make containers`)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.containers.engine import FOLDER, Engine, NoEngine, engine
from tests.containers.running_set import RunningSet, running_set
from tests.containers.stand_ins import provide


@dataclass
class Measured:
    """What was measured, as lines of a page that stays behind."""

    file: Path
    lines: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        self.lines += lines
        self.file.write_text("\n".join(self.lines) + "\n")


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """Left out where nobody asked for it, or no engine can be had; with KABINET_DOCKER=required that is a failure."""
    if not (asked := os.environ.get("KABINET_DOCKER")):
        pytest.skip("takes minutes and a Docker engine: `make containers`")
    try:
        with engine() as found:
            yield found
    except NoEngine as problem:
        if asked == "required":
            raise
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def measured() -> Measured:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return Measured(FOLDER / "measured.md")


@pytest.fixture(scope="session")
def kabinet(docker: Engine, measured: Measured) -> Iterator[RunningSet]:
    images = provide(docker, FOLDER)
    with running_set(docker, FOLDER) as found:
        built = found.build()
        measured.add("# Images", *(f"- {image}: {how}" for image, how in images.items()))
        for image, seconds in built.items():
            size = int(docker.docker("image", "inspect", "-f", "{{.Size}}", image))
            base = int(docker.docker("image", "inspect", "-f", "{{.Size}}", next(iter(images))))
            own = (size - base) / 1e6
            measured.add(f"- {image}: {size / 1e6:.0f} MB, {own:.0f} MB of them its own; built in {seconds:.0f} s")
        seconds = found.up()
        measured.add("# Start", f"- up, until the gateway shows the cabinet: {seconds:.1f} s")
        yield found
