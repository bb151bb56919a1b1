"""docker-compose.yml as a test reads it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"

Part = dict[str, Any]


@cache
def whole() -> dict[str, Any]:
    """The file with its anchors followed; `${NAME:-value}` stands for the value."""
    return dict(yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text())))


def parts() -> dict[str, Part]:
    return dict(whole()["services"])


def jobs() -> dict[str, Part]:
    """What comes to its end before others start."""
    return {name: part for name, part in parts().items() if part.get("restart") == "no"}


def environment(part: Part) -> dict[str, str]:
    """The variables of a container, from the file and from its env_file; one passed on by its name alone is empty."""
    found = {}
    if file := part.get("env_file"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.partition("=")
                found[name] = value
    return found | dict(part.get("environment", {}))


def secrets(part: Part) -> dict[str, str]:
    """The files of `/run/secrets`, by name there, and which secret each is."""
    short = {one: one for one in part.get("secrets", []) if isinstance(one, str)}
    return short | {one["target"]: one["source"] for one in part.get("secrets", []) if isinstance(one, dict)}


def networks(part: Part) -> set[str]:
    return set(part.get("networks", ["default"]))
