"""Every package is pinned: what uv resolves and what pyproject.toml pins are the same, name by name."""

import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply.closure import ROOT


def differences(project: Mapping[str, Any], lock: Mapping[str, Any]) -> list[str]:
    """One line for each package that is resolved without its pin, pinned without being resolved, or built otherwise.

    A pin that has no package is no harm today, and a version nobody tried on the day the package comes back.
    """
    settings = project["tool"]["uv"]
    pins = _pins(settings["constraint-dependencies"])
    resolved: dict[str, set[str]] = {}
    for package in lock["package"]:
        if "registry" in package["source"]:
            resolved.setdefault(package["name"], set()).add(package["version"])
    wrong = [
        f"{name} is resolved to {' and '.join(sorted(versions))} and pinned to {pins.get(name, 'nothing')}"
        for name, versions in sorted(resolved.items())
        if versions != {pins.get(name)}
    ]
    wrong += [f"{name} is pinned and nothing needs it" for name in sorted(pins.keys() - resolved.keys())]
    built = _pins(settings["build-constraint-dependencies"])
    needed = {name: pins.get(name, "nothing") for name in builders(lock)}
    return wrong + [
        f"{name} is {built.get(name, 'nothing')} in build-constraint-dependencies, and {version} among the pins"
        for name, version in sorted(needed.items())
        if built.get(name) != version
    ]


def builders(lock: Mapping[str, Any]) -> set[str]:
    """What builds the members, with all that it needs: uv takes it at each build from the index, not from the lock."""
    packages = {package["name"]: package for package in lock["package"]}
    found: set[str] = set()
    waiting = ["hatchling"]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += [needed["name"] for needed in packages[name].get("dependencies", ())]
    return found


def check() -> list[str]:
    """The differences of this checkout, after uv said that its lock is what pyproject.toml gives."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return differences(project, tomllib.loads((ROOT / "uv.lock").read_text()))


def _pins(lines: list[str]) -> dict[str, str]:
    """Exact pins alone: `>=` pins nothing, and is therefore found as missing."""
    pins: dict[str, str] = {}
    for requirement in map(Requirement, lines):
        exact = [part.version for part in requirement.specifier if part.operator == "=="]
        if exact and "*" not in exact[0]:
            pins[canonicalize_name(requirement.name)] = exact[0]
    return pins
