"""Which packages a service's image holds, as uv resolves them from the pins."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from packaging.markers import Marker, default_environment

ROOT = Path(__file__).resolve().parents[2]

IMAGE: dict[str, str] = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""The machine that deploy/Dockerfile makes; what only other systems need (`sys_platform == 'win32'`) ships nowhere."""


def uv(*arguments: str) -> str:
    """What uv answers: the one that runs this (`UV`), else as the Makefile finds it."""
    program = os.environ.get("UV") or _asked(str(ROOT / "deploy/bin/find-uv")).strip()
    return _asked(program, "--quiet", *arguments)


def shipped(service: str) -> dict[str, Any]:
    """A CycloneDX document of the service and what is installed with it in its image."""
    arguments = ["--frozen", "--package", service, "--no-default-groups", "--format", "cyclonedx1.5"]
    document: dict[str, Any] = json.loads(uv("export", "--preview-features", "sbom-export", *arguments))
    document["components"] = [component for component in document["components"] if _in_image(component)]
    return document


def everything() -> list[str]:
    """`name==version` of every package that some machine installs, markers left out."""
    lines = uv(
        "export", "--frozen", "--all-packages", "--all-groups", "--no-emit-workspace", "--no-hashes"
    ).splitlines()
    return [line.split(";")[0].strip() for line in lines if line and not line.startswith(("#", " "))]


def _in_image(component: dict[str, Any]) -> bool:
    environment: dict[str, Any] = {**default_environment(), **IMAGE}
    markers = [line["value"] for line in component.get("properties", ()) if line["name"] == "uv:package:marker"]
    return all(Marker(marker).evaluate(environment) for marker in markers)


def _asked(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
