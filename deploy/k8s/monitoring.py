"""The alerts of deploy/observability as the operator of Prometheus takes them, and the dashboards beside them."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from deploy.k8s.documents import Document

OBSERVABILITY = Path(__file__).resolve().parents[1] / "observability"
DASHBOARDS = OBSERVABILITY / "grafana" / "dashboards"


def documents() -> Iterator[Document]:
    rules = yaml.safe_load((OBSERVABILITY / "rules.yml").read_text())
    yield {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "kabinet"},
        "spec": {"groups": rules["groups"]},
    }


def dashboards() -> Document:
    """The kustomization of their folder: a ConfigMap for each, since one for all is too large; Grafana takes them."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [
            {
                "name": f"dashboard-{file.stem}",
                "files": [file.name],
                "options": {"disableNameSuffixHash": True, "labels": {"grafana_dashboard": "1"}},
            }
            for file in sorted(DASHBOARDS.glob("*.json"))
        ],
    }
