"""What rules and dashboards ask for: metrics and labels in PromQL, beside those that the programs have."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import REGISTRY

from deploy.observability import panels

RULES = Path(panels.__file__).parent / "rules.yml"
TARGETS = {"job", "instance", "namespace"}
"""Labels that Prometheus itself gives to whatever it scrapes."""
MODULES = (
    *("shared.metrics", "identity.gauges", "verification.gauges", "billing_link.gauges", "portal.asking"),
    *("notifier.gauges", "notifier.sms_providers", "notifier.sms_receipts"),
)
_ASKED = re.compile(r"\b((?:kabinet|process)_\w+|up)\b(?:\{([^}]*(?:\{[^}]*\}[^}]*)*)\})?")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def expressions() -> Iterator[tuple[str, str]]:
    """Each with where it stands."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for name in panels.NAMES:
        for number, query in enumerate(panels.queries(name)):
            yield f"{name}-{number}", query


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that narrow it."""
    bare = _TEXT.sub('""', expression)
    for name, narrowed in _ASKED.findall(bare):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", narrowed))


def grouped(expression: str) -> set[str]:
    """The labels that it groups by."""
    found = re.findall(r"\bby\s*\(([^)]*)\)", _TEXT.sub('""', expression))
    return {name.strip() for names in found for name in names.split(",")}


def exported() -> dict[str, set[str]]:
    """Every name under which the programs tell something, with its labels."""
    for module in MODULES:
        importlib.import_module(module)
    known: dict[str, set[str]] = {"up": set()}
    names: dict[str, Any] = REGISTRY._names_to_collectors
    for name, collector in names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        if name == "kabinet_build_info":
            labels = {"version"}
        known[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return known
