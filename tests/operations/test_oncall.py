"""The words of the pages, as both hands run them, with a `docker` and a `kubectl` that only write down their calls."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.operations.pages import ROOT

HANDS = ROOT / "deploy/oncall"
RECORDER = """#!/bin/bash
printf '%s' "${0##*/}" >> "$CALLS"
printf ' %s' "$@" | tr '\\n' ' ' >> "$CALLS"
echo >> "$CALLS"
case "$*" in *"get pod "*) echo pod/identity-db-1 ;; esac
"""


@pytest.fixture
def called(tmp_path: Path) -> "Called":
    for name in ("docker", "kubectl"):
        (program := tmp_path / name).write_text(RECORDER)
        program.chmod(0o755)
    return Called(tmp_path)


class Called:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def by(self, hand: str, line: str) -> list[str]:
        """The calls that the line makes, in order; it must end well."""
        calls = self.folder / "calls"
        calls.write_text("")
        path = f"{self.folder}:{os.environ['PATH']}"
        script = f"set -u; . {HANDS / hand}.sh; {line}"
        ran = subprocess.run(
            ["bash", "-c", script], env={"PATH": path, "CALLS": str(calls)}, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return calls.read_text().splitlines()


def test_program_is_run_in_a_container_of_its_own_or_in_the_workers_pod(called: Called) -> None:
    line = "kab identity users show petrova --by ivanova --reason 'call 4711'"

    program = "identity users show petrova --by ivanova --reason call 4711"
    assert called.by("compose", line) == [
        f"docker compose run --rm --no-deps -T identity-worker {program.removeprefix('identity ')}"
    ]
    assert called.by("kubernetes", line) == [
        f"kubectl --namespace kabinet exec --stdin deploy/identity-worker -- {program}"
    ]


def test_statement_goes_to_the_services_own_database(called: Called) -> None:
    [compose] = called.by("compose", 'sql billing-link "SELECT 1"')
    _, kubernetes = called.by("kubernetes", 'sql billing-link "SELECT 1"')

    assert compose.startswith("docker compose exec -T postgres sh -c ")
    assert compose.endswith(" billing_link SELECT 1")
    assert kubernetes.startswith(
        "kubectl --namespace kabinet exec pod/identity-db-1 --container postgres -- psql -d billing_link"
    )
    assert kubernetes.endswith("-c SELECT 1")


@pytest.mark.parametrize("hand", ["compose", "kubernetes"])
def test_every_part_is_asked_on_its_port(called: Called, hand: str) -> None:
    calls = called.by(hand, "ready")

    asked = [call.split()[-2:] for call in calls]
    assert [port for port, _ in asked] == "8001 9001 8002 9002 8003 9003 8004 9004 8080".split()
    assert {path for _, path in asked} == {"/readyz"}
    assert called.by(hand, "metrics portal")[0].endswith(" 8080 /metrics")


@pytest.mark.parametrize("hand", ["compose", "kubernetes"])
def test_part_that_is_not_there_is_told_of(called: Called, hand: str) -> None:
    with pytest.raises(AssertionError, match="no part named portal-worker"):
        called.by(hand, "metrics portal-worker")


def test_stopped_service_leaves_a_place_for_its_commands(called: Called) -> None:
    compose, kubernetes = called.by("compose", "stop identity"), called.by("kubernetes", "stop identity")

    assert compose == ["docker compose stop identity-api", "docker compose stop identity-worker"]
    assert any("scale deploy/identity-api --replicas 0" in call for call in kubernetes)
    assert any("patch deploy/identity-worker" in call and '"sleep", "infinity"' in call for call in kubernetes)
    assert not any(
        "identity-api" in call for hand in ("compose", "kubernetes") for call in called.by(hand, "stop identity worker")
    )


def test_started_service_has_its_worker_back(called: Called) -> None:
    assert called.by("compose", "start notifier") == [
        "docker compose up --detach --no-deps notifier-api notifier-worker"
    ]
    assert "kubectl --namespace kabinet rollout undo deploy/notifier-worker" in called.by(
        "kubernetes", "start notifier"
    )


def test_another_namespace_is_taken(called: Called) -> None:
    assert called.by("kubernetes", "KAB_NAMESPACE=trial; restart portal")[0].startswith("kubectl --namespace trial ")


def test_every_part_is_a_service_of_compose() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    [line] = [line for line in (HANDS / "parts.sh").read_text().splitlines() if line.startswith("KAB_PARTS=")]

    assert set(line.partition("=")[2].strip('"').split()) <= services.keys()
