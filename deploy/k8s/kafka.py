"""Kafka's topics, who may write and read them, and workers by what waits: from deploy/topics.yaml and HEARD."""

from collections.abc import Iterator
from importlib import import_module

import yaml

from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.embedded.topics import FILE
from deploy.k8s.documents import Document
from shared.topics import Topic, read
from shared.topics_watch import DAY_MS

CLUSTER = "kabinet"
BILLING = "billing"
"""The retailer's billing system, whose Kafka user this is; its programs are not ours."""
SCALER = "keda"
MOST_WORKERS = 6
"""Of one service. A worker handles thousands of events a second (docs/scaling.md): behind six it is the database."""
WAITING_PER_WORKER = 1000


def topics() -> dict[str, Topic]:
    return dict(read(FILE).topics)


def heard(service: str) -> list[str]:
    """The topics of the events that a service reacts to."""
    try:
        reactions = import_module(f"{database_name(service)}.reactions")
    except ModuleNotFoundError:  # it hears nothing
        return []
    return sorted({entry.event.topic for entry in reactions.HEARD})


def topic_documents() -> Iterator[Document]:
    copies = yaml.safe_load(FILE.read_text())["production"]
    for topic in topics().values():
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": CLUSTER}},
            "spec": {
                "partitions": topic.partitions,
                "replicas": copies["replication_factor"],
                "config": {
                    "retention.ms": topic.retention_days * DAY_MS,
                    "cleanup.policy": "delete",
                    "min.insync.replicas": copies["min_insync_replicas"],
                },
            },
        }


def user_documents() -> Iterator[Document]:
    """A service writes its own topic alone, reads what it hears, and is in its own group.

    It may read its own topic too: `outbox reconcile` and `catch-up` do, where its database was set back.
    """
    for service in WITH_DATABASE:
        own, reads = f"{service}.events", heard(service)
        rules = []
        for name in sorted({own, *reads}):
            may = ["Write"] * (name == own) + ["Read", "Describe", "DescribeConfigs"]
            rules.append(_rule("topic", name, may))
        if reads:
            rules.append(_rule("group", service, ["Read"]))
        yield _user(service, rules)
    owned = [topic.name for topic in topics().values() if topic.owner == BILLING]
    yield _user(BILLING, [_rule("topic", name, ["Write", "Describe"]) for name in owned])
    readers = [service for service in WITH_DATABASE if heard(service)]
    watched = sorted({name for service in readers for name in heard(service)})
    yield _user(
        SCALER,
        [_rule("topic", name, ["Describe"]) for name in watched]
        + [_rule("group", service, ["Describe"]) for service in readers],
    )


def scaler_documents() -> Iterator[Document]:
    """More workers while events wait: at most one for each partition of a topic, since a further one would get none."""
    for service in WITH_DATABASE:
        if not (reads := heard(service)):
            continue
        yield {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": f"{service}-worker"},
            "spec": {
                "scaleTargetRef": {"name": f"{service}-worker"},
                "minReplicaCount": 2,
                "maxReplicaCount": min(MOST_WORKERS, *(topics()[name].partitions for name in reads)),
                "pollingInterval": 15,
                "fallback": {"failureThreshold": 4, "replicas": 2},
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        # Each change of their number stops the whole group for a moment.
                        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}}
                    }
                },
                "triggers": [_waiting(service, name) for name in reads],
            },
        }


def _waiting(service: str, topic: str) -> Document:
    return {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": f"{CLUSTER}-kafka-bootstrap.kabinet.svc:9093",
            "consumerGroup": service,
            "topic": topic,
            "lagThreshold": str(WAITING_PER_WORKER),
            "offsetResetPolicy": "earliest",
            "tls": "enable",
            "version": "4.0.0",  # of the protocol; unnamed it is 1.0.0, of which brokers have forgotten much
        },
        "authenticationRef": {"name": "kafka-lag"},
    }


def _rule(kind: str, name: str, may: list[str]) -> Document:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": may}


def _user(name: str, rules: list[Document]) -> Document:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}},
        "spec": {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": rules}},
    }
