"""What runs on others' machines: the workflows are sound, and call the gate that everybody runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.supply.closure import ROOT

FOLDER = ROOT / ".github"
WORKFLOW = FOLDER / "workflows/ci.yml"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    return run("zizmor", "--offline", "--no-config", "--persona=pedantic", "--color=never", str(path))


def test_workflows_are_sound() -> None:
    checked = zizmor(FOLDER)

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("sound", "spoilt", "audit"),
    [
        (r"@[0-9a-f]{40} # v7\.0\.1", "@v7", "unpinned-uses"),
        (r"persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (r"permissions: \{\}", "permissions: write-all", "excessive-permissions"),
        (r"run: make audit", "run: echo ${{ github.event.pull_request.title }}", "template-injection"),
        (r"pull_request:", "pull_request_target:", "dangerous-triggers"),
    ],
)
def test_spoilt_workflow_is_found(tmp_path: Path, sound: str, spoilt: str, audit: str) -> None:
    (copy := tmp_path / ".github/workflows/ci.yml").parent.mkdir(parents=True)
    copy.write_text(re.sub(sound, spoilt, WORKFLOW.read_text()))

    checked = zizmor(copy)

    assert checked.returncode != 0
    assert audit in checked.stdout


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vendor.github-workflows", WORKFLOW), ("vendor.dependabot", FOLDER / "dependabot.yml")],
)
def test_file_has_its_form(schema: str, file: Path) -> None:
    checked = run("check-jsonschema", "--builtin-schema", schema, str(file))

    assert checked.returncode == 0, checked.stdout


def test_gate_is_the_one_that_everybody_runs() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]

    assert any(step.get("run", "").endswith("bash .ci/run") for step in jobs["gate"]["steps"])
    assert any(step.get("run") == "make audit" for step in jobs["audit"]["steps"])
    assert [name for name, job in jobs.items() if "timeout-minutes" not in job] == []
