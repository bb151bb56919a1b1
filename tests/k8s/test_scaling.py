"""How many of each, and who watches them."""

import re

import yaml

from deploy.embedded.topics import FILE
from tests.k8s.rendering import ROOT, Overlay
from tests.k8s.test_made_files import service_of

PARTITIONS = {topic["name"]: topic["partitions"] for topic in yaml.safe_load(FILE.read_text())["topics"]}
CONNECTIONS = 23
"""What one process holds at most: `database_pool_size` twice, and those that listen, ring and hold a lock."""


def test_workers_are_at_most_as_many_as_partitions_and_follow_what_they_hear(production: Overlay) -> None:
    for scaled in production.of("ScaledObject"):
        spec = scaled["spec"]
        name = spec["scaleTargetRef"]["name"]
        service = name.removesuffix("-worker")
        heard = {entry.event.topic for entry in service_of(service).heard}

        assert production.one("Deployment", name)
        assert [trigger["metadata"]["topic"] for trigger in spec["triggers"]] == sorted(heard)
        assert {trigger["metadata"]["consumerGroup"] for trigger in spec["triggers"]} == {service}
        assert 2 <= spec["minReplicaCount"] < spec["maxReplicaCount"] <= min(PARTITIONS[topic] for topic in heard)


def test_what_an_autoscaler_moves_names_no_number_and_the_rest_is_two(production: Overlay) -> None:
    """A number in a Deployment would set back what the autoscaler chose, at every apply."""
    moved = {
        each["spec"]["scaleTargetRef"]["name"] for each in production.of("ScaledObject", "HorizontalPodAutoscaler")
    }
    numbers = {each["metadata"]["name"]: each["spec"].get("replicas") for each in production.of("Deployment")}

    assert {name for name, number in numbers.items() if number is None} == moved
    assert {number for name, number in numbers.items() if name not in moved} == {2}


def test_apis_are_moved_by_a_metric_that_their_requests_bear(production: Overlay) -> None:
    for each in production.of("HorizontalPodAutoscaler"):
        spec = each["spec"]
        container = production.one("Deployment", spec["scaleTargetRef"]["name"])["spec"]["template"]["spec"][
            "containers"
        ][0]
        requested, limit = (
            float(container["resources"][kind]["cpu"].removesuffix("m"))
            / (1000 if "m" in container["resources"][kind]["cpu"] else 1)
            for kind in ("requests", "limits")
        )
        target = spec["metrics"][0]["resource"]["target"]["averageUtilization"] / 100

        assert requested * target < limit, "it would never be reached"
        assert spec["minReplicas"] >= 2


def test_databases_take_all_processes_at_once(production: Overlay) -> None:
    most = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["maxReplicas"]
        for each in production.of("HorizontalPodAutoscaler")
    }
    most |= {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["maxReplicaCount"]
        for each in production.of("ScaledObject")
    }
    for cluster in production.of("Cluster"):
        service = cluster["metadata"]["name"].removesuffix("-db")
        # While they are replaced, one more of each.
        processes = most[f"{service}-api"] + 1 + most.get(f"{service}-worker", 2) + 1

        room = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
        assert processes * CONNECTIONS < room, service


def test_every_program_is_scraped_under_the_name_that_the_alerts_use(production: Overlay) -> None:
    monitor = production.one("PodMonitor", "kabinet")["spec"]
    scraped = {}
    for pod in production.pods():
        for end in monitor["podMetricsEndpoints"]:
            if (
                pod.labels["app.kubernetes.io/component"] in monitor["selector"]["matchExpressions"][0]["values"]
                and end["port"] in pod.ports
            ):
                scraped[pod.name] = job(end["relabelings"], pod.labels)

    assert all(name == found for name, found in scraped.items())
    rules = (ROOT / "deploy/observability/rules.yml").read_text()
    named = set(re.findall(r'job="([\w-]+)"', rules))
    assert named <= set(scraped.values())
    assert len(scraped) == 9


def job(relabelings: list[dict[str, object]], labels: dict[str, str]) -> str:
    """As Prometheus relabels."""
    known = {
        f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value for name, value in labels.items()
    }
    for step in relabelings:
        sources = step["sourceLabels"]
        assert isinstance(sources, list)
        text = str(step.get("separator", ";")).join(known.get(name, "") for name in sources)
        if (found := re.fullmatch(str(step.get("regex", "(.*)")), text)) is not None:
            known[str(step["targetLabel"])] = found.expand(str(step.get("replacement", "$1")).replace("$1", r"\1"))
    return known["job"]
