"""What no object may leave out: limits, a closed container, a pinned image, no secret, a way to go in peace."""

import re
from collections.abc import Iterator

import pytest

from deploy.k8s.__main__ import HERE
from shared import serving
from tests.k8s.rendering import Document, Overlay, Pod, selects

CUT_SECONDS = 2
"""What a program gives its lingering tasks after `GRACE_SECONDS`."""
NGINX_SECONDS = 27
"""The longest answer that the gateway passes on (deploy/gateway/site.conf)."""


def containers(overlay: Overlay) -> Iterator[tuple[str, Pod, Document]]:
    for pod in overlay.pods():
        for container in pod.containers:
            yield f"{pod.kind} {pod.name}/{container['name']}", pod, container


def test_every_container_says_what_it_needs_and_may_take(overlay: Overlay) -> None:
    for name, _pod, container in containers(overlay):
        resources = container["resources"]
        assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}, name


def test_every_pod_is_restricted(overlay: Overlay) -> None:
    for pod in overlay.pods():
        spec = pod.spec
        assert spec["automountServiceAccountToken"] is False, pod.name
        assert spec["enableServiceLinks"] is False, pod.name
        security = spec["securityContext"]
        assert security["runAsNonRoot"], pod.name
        assert security["runAsUser"] > 0, pod.name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), pod.name
        kinds = {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= {"secret", "projected", "configMap", "emptyDir"}, pod.name
    for name, _pod, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_the_namespace_takes_restricted_pods_alone(overlay: Overlay) -> None:
    labels = overlay.one("Namespace", "kabinet")["metadata"]["labels"]

    assert {labels[f"pod-security.kubernetes.io/{what}"] for what in ("enforce", "audit", "warn")} == {"restricted"}


def test_every_image_has_a_tag_of_its_own(overlay: Overlay) -> None:
    for name, _pod, container in containers(overlay):
        repository, _, tag = container["image"].rpartition(":")
        assert repository, name
        assert "/" not in tag, name
        assert tag != "latest", name
        assert (tag == "dev") == (overlay.name == "dev" and "kabinet/" in repository), name
        # Where images come from is said in one place; others are the cluster's to find.
        host = "registry.example.org" if overlay.name == "production" and "kabinet/" in repository else ""
        assert repository.rpartition("/kabinet/")[0] == host, name
        assert "." not in repository.removeprefix(host), name


def test_every_temporary_folder_is_bounded(overlay: Overlay) -> None:
    for pod in overlay.pods():
        for volume in pod.spec.get("volumes", []):
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}), f"{pod.name} {volume['name']}"


def test_production_holds_no_secret(production: Overlay) -> None:
    assert production.of("Secret") == []
    for each in production.of("ExternalSecret"):
        for name, value in each["spec"]["target"].get("template", {}).get("data", {}).items():
            if name.endswith(("password", "token", "secret", "_url", ".acl", "username")):
                assert "{{ ." in value or name == "username", f"{each['metadata']['name']} {name}"
    for each in production.of("ConfigMap"):
        for name in each.get("data", {}):
            assert not re.search(r"(?i)(password|token|secret|database_url|redis_url)(?<!secrets_dir)$", name), name


def test_no_secret_of_the_dev_overlay_is_in_git(tree: object) -> None:
    """The copy that these tests render made its own; beside the folder's list nothing of it is kept."""
    ignored = (HERE / "overlays/dev/.gitignore").read_text().split()

    assert ignored == ["/secrets/*", "!/secrets/kustomization.yaml"]


def test_every_secret_of_dev_has_a_name_that_production_brings_too(overlays: dict[str, Overlay]) -> None:
    brought = {each["metadata"]["name"] for each in overlays["production"].of("ExternalSecret")}
    servers = {"postgres", "mailbox"}

    found = {each["metadata"]["name"] for each in overlays["dev"].of("Secret")}

    assert found - servers <= brought
    keys = {each["metadata"]["name"]: set(each["data"]) for each in overlays["dev"].of("Secret")}
    for each in overlays["production"].of("ExternalSecret"):
        name, spec = each["metadata"]["name"], each["spec"]
        if name in found:
            there = set(spec["target"].get("template", {}).get("data", {})) or {
                one["secretKey"] for one in spec["data"]
            }
            assert keys[name] <= there, name


def test_every_named_object_is_there(overlay: Overlay) -> None:
    """Of configurations all; of secrets those that the overlay itself brings or an operator makes."""
    maps = {each["metadata"]["name"] for each in overlay.of("ConfigMap")}
    secrets = {each["metadata"]["name"] for each in overlay.of("Secret", "ExternalSecret")}
    secrets |= {f"kafka-user-{each['metadata']['name']}" for each in overlay.of("KafkaUser")}
    secrets |= {f"{each['metadata']['name']}-cluster-ca-cert" for each in overlay.of("Kafka")}
    secrets |= {f"{each['metadata']['name']}-ca" for each in overlay.of("Cluster")}

    for pod in overlay.pods():
        for source in sources(pod):
            kind, name = next(iter(source.items()))
            assert name in (maps if kind == "configMap" else secrets), f"{pod.name}: {kind} {name}"
    for cluster in overlay.of("Cluster"):
        assert cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"] in secrets


def sources(pod: Pod) -> Iterator[dict[str, str]]:
    """What its volumes and its environment are taken from."""
    for volume in pod.spec.get("volumes", []):
        parts = volume.get("projected", {}).get("sources", [volume])
        for part in parts:
            if "secret" in part:
                yield {"secret": part["secret"].get("secretName") or part["secret"]["name"]}
            if "configMap" in part:
                yield {"configMap": part["configMap"]["name"]}
    for container in pod.containers:
        for one in container.get("envFrom", []):
            yield {"configMap": one["configMapRef"]["name"]}


@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_everything_that_runs_on_is_asked_how_it_is(overlay: Overlay, kind: str) -> None:
    for name, pod, container in containers(overlay):
        if pod.kind == "Job":
            continue
        probe = container[kind]
        if (
            container["image"]
            .rpartition(":")[0]
            .endswith(
                (
                    "kabinet/identity",
                    "kabinet/verification",
                    "kabinet/billing-link",
                    "kabinet/notifier",
                    "kabinet/portal",
                )
            )
        ):
            path = "/readyz" if kind == "readinessProbe" else "/livez"
            port = "health" if pod.labels["app.kubernetes.io/component"] == "worker" else "http"
            assert probe["httpGet"] == {"path": path, "port": port}, name
        for how in ("httpGet", "tcpSocket"):
            if how in probe:
                assert probe[how]["port"] in pod.ports, name


def test_the_end_leaves_time_for_what_runs(overlay: Overlay) -> None:
    services = overlay.of("Service")
    for pod in overlay.pods():
        if pod.kind != "Deployment":
            continue
        pause = pod.spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = NGINX_SECONDS if pod.name == "gateway" else serving.GRACE_SECONDS + CUT_SECONDS
        assert pod.spec["terminationGracePeriodSeconds"] >= (pause + drain) * 1.2, pod.name
        asked = any(selects({"matchLabels": each["spec"]["selector"]}, pod.labels) for each in services)
        assert (pause >= 5) == asked, pod.name


def test_every_deployment_is_replaced_without_a_gap_and_spread(overlay: Overlay) -> None:
    budgets = overlay.of("PodDisruptionBudget")
    for document in overlay.of("Deployment"):
        name, spec = document["metadata"]["name"], document["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}, name
        labels = spec["template"]["metadata"]["labels"]
        spreads = spec["template"]["spec"]["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in spreads} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        assert all(selects(each["labelSelector"], labels) for each in spreads), name
        own = [each for each in budgets if selects(each["spec"]["selector"], labels)]
        assert [each["spec"]["maxUnavailable"] for each in own] == [1], name


def test_selectors_take_their_own_pods_and_no_others(overlay: Overlay) -> None:
    pods = list(overlay.pods())
    for document in overlay.of("Deployment", "StatefulSet"):
        chosen = [pod.name for pod in pods if selects(document["spec"]["selector"], pod.labels)]
        assert chosen == [document["metadata"]["name"]]
    for service in overlay.of("Service"):
        behind = [pod for pod in pods if selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]
        assert [pod.name for pod in behind] == [service["metadata"]["name"]]
        assert all(port["targetPort"] in behind[0].ports for port in service["spec"]["ports"])


def test_databases_lose_nothing_with_one_machine_and_are_saved(production: Overlay) -> None:
    backups = {each["spec"]["cluster"]["name"]: each["spec"] for each in production.of("ScheduledBackup")}
    stores = {each["metadata"]["name"] for each in production.of("ObjectStore")}
    for cluster in production.of("Cluster"):
        name, spec = cluster["metadata"]["name"], cluster["spec"]
        assert spec["instances"] == 3, name
        assert spec["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
        assert spec["postgresql"]["pg_hba"][-1] == "hostnossl all all all reject"
        archiver = spec["plugins"][0]
        assert archiver["isWALArchiver"]
        assert archiver["parameters"]["barmanObjectName"] in stores
        assert backups[name]["method"] == "plugin"
        assert backups[name]["pluginConfiguration"]["name"] == archiver["name"]
    assert len({spec["schedule"] for spec in backups.values()}) == len(backups), "not all at once"
