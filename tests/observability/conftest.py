"""Prometheus' own judge of rules and queries."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        wanted = "no promtool on this machine: apt-get install prometheus"
        if os.environ.get("KABINET_PROMTOOL") == "required":
            pytest.fail(wanted)
        pytest.skip(wanted)
    return found


def check(promtool: str, *arguments: str | Path) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
