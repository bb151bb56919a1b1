"""Dashboards and rules ask for nothing that no program tells; the files are those that are said."""

from pathlib import Path

import pytest
import yaml

from deploy.observability import panels
from tests.observability.conftest import check
from tests.observability.said import TARGETS, asked, exported, expressions, grouped

# What Prometheus' client tells of each process by itself is there for whoever looks.
OURS = {
    name.removesuffix("_total").removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
    for name in exported()
    if name.startswith("kabinet_") and not name.endswith("_created")
}


@pytest.mark.parametrize("name", panels.NAMES)
def test_dashboard_is_as_it_is_said(name: str) -> None:
    assert (panels.MADE / f"{name}.json").read_text() == panels.text(name), "run: make dashboards"


def test_folder_holds_no_other_dashboard() -> None:
    assert {file.stem for file in panels.MADE.glob("*.json")} == set(panels.NAMES)


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_metric_and_label_is_exported(where: str, expression: str) -> None:
    known = exported()

    for name, labels in asked(expression):
        assert name in known, f"{where}: {name}"
        assert labels <= known[name] | TARGETS, f"{where}: {name} has no {labels - known[name] - TARGETS}"
    there = set.union(TARGETS, *(known[name] for name, _ in asked(expression)))
    assert grouped(expression) <= there, f"{where}: grouped by what nothing has"


def test_every_metric_of_ours_is_shown_or_alarmed() -> None:
    looked_at = {name for _, expression in expressions() for name, _ in asked(expression)}
    ends = ("", "_total", "_bucket", "_sum", "_count", "_info")

    assert {name for name in OURS if not any(name + end in looked_at for end in ends)} == set()


def test_every_query_is_promql(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"query:{n}", "expr": query} for n, (_, query) in enumerate(expressions())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))

    check(promtool, "check", "rules", file)


@pytest.mark.parametrize("name", panels.NAMES)
def test_panels_have_units_words_and_a_place_of_their_own(name: str) -> None:
    shown = [panel for panel in panels.as_grafana(name)["panels"] if panel["type"] != "row"]

    for panel in shown:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels.as_grafana(name)["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < panels.ACROSS
