"""What is made from other files is as they are; and Kafka's users may do what the code does, and no more."""

from importlib import import_module

import pytest
import yaml

from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.embedded.topics import FILE
from deploy.k8s.__main__ import ROOT, stale
from shared.service import Service
from tests.k8s.rendering import Document, Overlay

TOPICS = yaml.safe_load(FILE.read_text())


def service_of(name: str) -> Service:
    found: Service = import_module(f"{database_name(name)}.main").service
    return found


def allowed(user: Document) -> set[tuple[str, str, str]]:
    """Kind of resource, its name, what may be done."""
    rules = user["spec"]["authorization"]["acls"]
    assert all(rule["resource"]["patternType"] == "literal" for rule in rules)
    return {
        (rule["resource"]["type"], rule["resource"]["name"], operation)
        for rule in rules
        for operation in rule["operations"]
    }


def test_made_files_are_as_their_sources_say() -> None:
    assert [str(path.relative_to(ROOT)) for path in stale()] == [], "run `make manifests`"


@pytest.mark.parametrize("name", WITH_DATABASE)
def test_a_service_may_write_its_own_topic_and_read_that_and_what_it_hears(production: Overlay, name: str) -> None:
    """Its own, where its database was set back and only the topic knows what was said since."""
    heard = {entry.event.topic for entry in service_of(name).heard}
    own = f"{name}.events"
    reads = heard | {own}

    may = allowed(production.one("KafkaUser", name))

    read = {("topic", topic, operation) for topic in reads for operation in ("Read", "Describe", "DescribeConfigs")}
    group = {("group", name, "Read")} if heard else set()
    assert may == {("topic", own, "Write")} | read | group


def test_each_topic_has_one_writer_and_that_is_its_owner(production: Overlay) -> None:
    writers = {
        (name, user["metadata"]["name"])
        for user in production.of("KafkaUser")
        for kind, name, operation in allowed(user)
        if kind == "topic" and operation not in ("Read", "Describe", "DescribeConfigs")
    }

    assert writers == {(topic["name"], topic["owner"]) for topic in TOPICS["topics"]}


def test_billing_writes_its_facts_and_reads_nothing(production: Overlay) -> None:
    may = allowed(production.one("KafkaUser", "billing"))

    assert may == {("topic", "billing.events", "Write"), ("topic", "billing.events", "Describe")}


def test_the_scaler_may_look_and_nothing_else(production: Overlay) -> None:
    assert {operation for _kind, _name, operation in allowed(production.one("KafkaUser", "keda"))} == {"Describe"}


def test_nobody_is_above_the_rules(production: Overlay) -> None:
    kafka = production.one("Kafka", "kabinet")["spec"]["kafka"]

    assert kafka["authorization"] == {"type": "simple"}
    assert [(each["tls"], each["authentication"]) for each in kafka["listeners"]] == [(True, {"type": "tls"})]
    assert kafka["config"]["auto.create.topics.enable"] is False


def test_topics_are_as_the_file_says_and_survive_a_broker(production: Overlay) -> None:
    copies = TOPICS["production"]
    wanted = {
        topic["name"]: (
            topic["partitions"],
            copies["replication_factor"],
            topic["retention_days"] * 86_400_000,
            copies["min_insync_replicas"],
            "delete",
        )
        for topic in TOPICS["topics"]
    }

    found = {}
    for topic in production.of("KafkaTopic"):
        spec = topic["spec"]
        config = spec["config"]
        found[topic["metadata"]["name"]] = (
            spec["partitions"],
            spec["replicas"],
            config["retention.ms"],
            config["min.insync.replicas"],
            config["cleanup.policy"],
        )

    assert found == wanted
    brokers = production.one("KafkaNodePool", "broker")["spec"]["replicas"]
    assert 1 < copies["min_insync_replicas"] < copies["replication_factor"] <= brokers


def test_every_alert_has_its_rule(production: Overlay) -> None:
    written = yaml.safe_load((ROOT / "deploy/observability/rules.yml").read_text())

    assert production.one("PrometheusRule", "kabinet")["spec"]["groups"] == written["groups"]
