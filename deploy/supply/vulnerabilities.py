"""Known vulnerabilities of the packages, asked of pip-audit, which is first asked about one that has some.

pip-audit passes over a package of which its service knows nothing, and calls the whole good: behind a registry that
answers for files alone, every package is passed over. So a service that knows no vulnerability of an old Jinja2 knows
none at all, and is not believed. `PIP_AUDIT_VULNERABILITY_SERVICE=osv` asks OSV in PyPI's place.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

KNOWN_BAD = "jinja2==2.10"
"""CVE-2019-10906 and later ones: a way out of the sandbox of templates."""

SECONDS_PER_ANSWER = 15


class NotAsked(Exception):
    """Nobody who knows vulnerabilities could be asked: this is no good news and no bad news."""


def known(requirements: Iterable[str]) -> list[str]:
    """One line for each known vulnerability of these (`name==version`)."""
    if not told(_report([KNOWN_BAD])):
        raise NotAsked(f"the service answers, and knows of no vulnerability in {KNOWN_BAD}, which has several.")
    return told(_report(requirements))


def told(report: dict[str, Any]) -> list[str]:
    packages = report["dependencies"]
    if passed_over := [package["skip_reason"] for package in packages if "skip_reason" in package]:
        raise NotAsked("; ".join(passed_over[:3]) + ("; …" if len(passed_over) > 3 else ""))
    return [
        f"{package['name']} {package['version']}: {found['id']}, mended in {_releases(found)}"
        for package in packages
        for found in package["vulns"]
    ]


def _releases(found: dict[str, Any]) -> str:
    return " and ".join(found["fix_versions"]) or "no release"


def _report(requirements: Iterable[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="kabinet-audit-") as folder:
        (listed := Path(folder) / "requirements.txt").write_text("\n".join(requirements) + "\n")
        options = ["--format", "json", "--progress-spinner", "off", "--timeout", str(SECONDS_PER_ANSWER)]
        options += ["--cache-dir", folder, "--no-deps", "--disable-pip", "--requirement", str(listed)]
        asked = subprocess.run(
            [sys.executable, "-m", "pip_audit", *options], capture_output=True, text=True, check=False
        )
    try:
        report: dict[str, Any] = json.loads(asked.stdout)
    except json.JSONDecodeError:
        last = asked.stderr.strip().splitlines() or ["it said nothing"]
        raise NotAsked(f"pip-audit could not ask: {last[-1]}") from None
    return report
