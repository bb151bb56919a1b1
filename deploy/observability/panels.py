"""Grafana's dashboards from dashboards/*.yml, which say of each panel what is its own: title, unit, queries."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MADE = HERE / "grafana" / "dashboards"
NAMES = ("business", "backbone", "identity", "verification", "billing-link", "notifier", "portal")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ACROSS = 24
HEIGHT = {"stat": 4, "timeseries": 8, "table": 8}

_LISTS = {
    "templating": {
        "list": [
            {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
            {
                "name": "namespace",
                "label": "Namespace",
                "type": "query",
                "datasource": SOURCE,
                "query": {"query": "label_values(kabinet_build_info, namespace)", "refId": "namespace"},
                "refresh": 2,
                "includeAll": True,
                "allValue": ".*",  # also where there is none, as in compose
                "current": {"text": "All", "value": "$__all"},
            },
        ]
    },
    "annotations": {
        "list": [
            {
                "name": "Starts of programs",
                "datasource": SOURCE,
                "enable": True,
                "iconColor": "blue",
                "expr": "changes(process_start_time_seconds"
                '{namespace=~"$namespace", job=~".+-(api|worker)|portal"}[1m]) > 0',
                "titleFormat": "{{job}} was started",
            }
        ]
    },
}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
    "table": {"showHeader": True},
}


def read(name: str) -> dict[str, Any]:
    """A dashboard as it is written, with the rows that services have alike in their places, and whole queries."""
    said = yaml.safe_load((HERE / "dashboards" / f"{name}.yml").read_text())
    alike = (HERE / "dashboards" / "common.yml").read_text()
    common = yaml.safe_load(alike.replace("$of", f'$in, job=~"{name}(-api|-worker)?"'))
    said["rows"] = [common[row["use"]] if "use" in row else row for row in said["rows"]]
    for panel in (panel for row in said["rows"] for panel in row["panels"]):
        narrow = 'namespace=~"$namespace"'
        panel["queries"] = {legend: expr.replace("$in", narrow) for legend, expr in panel["queries"].items()}
    return dict(said)


def queries(name: str) -> Iterator[str]:
    """Every query as Prometheus would get it from somebody who looks at all namespaces and six hours."""
    for row in read(name)["rows"]:
        for panel in row["panels"]:
            for expr in panel["queries"].values():
                yield re.sub(r"\$__rate_interval", "5m", expr).replace("$__range", "6h").replace("$namespace", ".*")


def as_grafana(name: str) -> dict[str, Any]:
    said = read(name)
    return {
        "uid": f"kabinet-{name}",
        "title": f"Kabinet: {said['title']}",
        "description": said["about"],
        "tags": ["kabinet"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["kabinet"], "title": "Kabinet", "asDropdown": True}],
        **_LISTS,
        "panels": list(_placed(said["rows"])),
    }


def _placed(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Panels from left to right and downwards, under the title of their row."""
    number, y = 0, 0
    for row in rows:
        number += 1
        yield {"id": number, "type": "row", "title": row["title"], "collapsed": False, "gridPos": _at(0, y, ACROSS, 1)}
        x, y, height = 0, y + 1, 0
        for panel in row["panels"]:
            width, high = panel.get("width", 8), HEIGHT[panel.get("kind", "timeseries")]
            if x + width > ACROSS:
                x, y, height = 0, y + height, 0
            number += 1
            yield {"id": number, "gridPos": _at(x, y, width, high), **_panel(panel)}
            x, height = x + width, max(height, high)
        y += height


def _at(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(said: Mapping[str, Any]) -> dict[str, Any]:
    kind, warn_above = said.get("kind", "timeseries"), said.get("warn_above")
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [] if warn_above is None else [{"color": "red", "value": warn_above}]
    drawn = {
        "lineWidth": 1,
        "fillOpacity": 30 if said.get("stacked") else 8,
        "showPoints": "never",
        "stacking": {"mode": "normal" if said.get("stacked") else "none"},
        "thresholdsStyle": {"mode": "off" if warn_above is None else "line"},
    }
    defaults = {"unit": said["unit"], "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if kind == "timeseries":
        defaults["custom"] = drawn
    return {
        "type": kind,
        "title": said["title"],
        "description": said["about"],
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[kind],
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                **({} if kind == "timeseries" else {"instant": True, "range": False}),
                **({"format": "table"} if kind == "table" else {}),
            }
            for n, (legend, expr) in enumerate(said["queries"].items())
        ],
    }


def text(name: str) -> str:
    return json.dumps(as_grafana(name), indent=1, ensure_ascii=False) + "\n"


def write() -> None:
    MADE.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (MADE / f"{name}.json").write_text(text(name))
