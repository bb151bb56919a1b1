"""The alerts, as Prometheus itself takes and fires them, and what somebody who is called finds in each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability.alerts import CASES, LOOKED_AT
from tests.observability.conftest import check

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
RULES = OBSERVABILITY / "rules.yml"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule
]


def test_configuration_and_rules_are_prometheus_own(promtool: str) -> None:
    check(promtool, "check", "config", OBSERVABILITY / "prometheus.yml")
    check(promtool, "check", "rules", RULES)


def test_each_alert_fires_when_it_must_and_only_then(promtool: str, tmp_path: Path) -> None:
    """Each beside itself alone: with all rules for each case it would take minutes."""
    for rule in ALERTS:
        name = rule["alert"]
        write(tmp_path / f"{name}.rules.yml", {"groups": [{"name": name, "rules": [rule]}]})
        tests = [_as_promtool(name, fires, series) for fires, series in CASES[name]]
        write(
            tmp_path / f"{name}.yml", {"rule_files": [f"{name}.rules.yml"], "evaluation_interval": "1m", "tests": tests}
        )

    check(promtool, "test", "rules", *(tmp_path / f"{rule['alert']}.yml" for rule in ALERTS))


def write(file: Path, document: object) -> None:
    file.write_text(yaml.safe_dump(document))


def _as_promtool(alert: str, fires: bool, series: Mapping[str, str]) -> dict[str, Any]:
    fired = f'(count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > bool 0) or vector(0)'
    looked = {"expr": fired, "eval_time": f"{LOOKED_AT}m", "exp_samples": [{"labels": "{}", "value": int(fires)}]}
    return {
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [looked],
    }


def test_each_alert_is_tried_both_ways() -> None:
    both = {alert: {fires for fires, _ in told} for alert, told in CASES.items()}

    assert both == {rule["alert"]: {True, False} for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_whoever_is_called_finds_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    words = "".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in rule["alert"].removeprefix("Kabinet"))
    annotations = rule["annotations"]

    assert annotations["runbook_url"] == f"docs/runbooks/{words.removeprefix('-')}.md"
    assert (ROOT / annotations["runbook_url"]).is_file()
    assert annotations["summary"]
    assert annotations["description"].endswith(".")
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})


def test_prometheus_of_compose_scrapes_every_program_under_the_name_that_alerts_have() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    scraped = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())["scrape_configs"]
    ports = {"identity": 8001, "verification": 8002, "billing-link": 8003, "notifier": 8004, "portal": 8080}
    names = {f"{service}-{part}" for service in ports if service != "portal" for part in ("api", "worker")} | {"portal"}

    assert {job["job_name"] for job in scraped} == names <= compose.keys()
    for job in scraped:
        name = job["job_name"]
        service = name.removesuffix("-api").removesuffix("-worker")
        port = ports[service] + (1000 if name.endswith("-worker") else 0)
        assert job["static_configs"] == [{"targets": [f"{name}:{port}"]}]
