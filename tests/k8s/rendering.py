"""The overlays as the cluster would get them, and what stands in their documents."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.k8s import dev_secrets
from deploy.k8s.monitoring import DASHBOARDS

Document = Mapping[str, Any]

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
BUILT = ROOT / "var" / "kubernetes"
"""Where the gate puts the programs that Debian does not have."""
OVERLAYS = ("dev", "production")
PROGRAMS = ("Deployment", "StatefulSet", "Job", "CronJob")


def kustomize() -> list[str] | None:
    """The command that renders a folder; none: there is no such program here."""
    if own := shutil.which("kustomize", path=str(BUILT)) or shutil.which("kustomize"):
        return [own, "build"]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    return None


def copied(folder: Path) -> Path:
    """deploy/k8s as git has it, and the dashboards, in a folder of their own, with secrets made for the dev overlay."""
    copy = folder / "deploy" / "k8s"
    shutil.copytree(K8S, copy, ignore=_not_in_git)
    dashboards = DASHBOARDS.relative_to(K8S.parent)
    shutil.copytree(DASHBOARDS, folder / "deploy" / dashboards)
    dev_secrets.make(copy / "overlays" / "dev" / "secrets")
    return copy


def _not_in_git(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "secrets" and Path(folder).parent.name == "dev":
        return set(names) - {"kustomization.yaml"}
    return {"__pycache__"}


def rendered(command: Sequence[str], folder: Path) -> list[Document]:
    """With the loader that takes nothing from outside of a kustomization's folder, as `kubectl apply -k` does."""
    made = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    assert not made.stderr, made.stderr
    return [document for document in yaml.load_all(made.stdout, Loader=yaml.CSafeLoader) if document]


@dataclass(frozen=True)
class Overlay:
    """One of them, rendered."""

    name: str
    documents: Sequence[Document]

    def of(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Document:
        found = [document for document in self.of(kind) if document["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name}: {len(found)}"
        return found[0]

    def pods(self) -> Iterator["Pod"]:
        for document in self.of(*PROGRAMS):
            yield Pod(document["kind"], document["metadata"]["name"], document["spec"]["template"])

    def pod(self, name: str) -> "Pod":
        return next(pod for pod in self.pods() if pod.name == name)


@dataclass(frozen=True)
class Pod:
    """What a program's template makes."""

    kind: str
    name: str
    template: Document

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.template["metadata"]["labels"])

    @property
    def spec(self) -> Document:
        return dict(self.template["spec"])

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """By name."""
        return {port["name"]: port["containerPort"] for one in self.containers for port in one.get("ports", [])}


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """A label selector, as Kubernetes reads it; an empty one takes all."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for wanted in selector.get("matchExpressions", []):
        value = labels.get(wanted["key"])
        match wanted["operator"]:
            case "In":
                holds = value in wanted["values"]
            case "NotIn":
                holds = value not in wanted["values"]
            case "Exists":
                holds = value is not None
            case _:
                holds = value is None
        if not holds:
            return False
    return True
