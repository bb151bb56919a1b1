"""The table of who may reach whom: all of it, and nothing beside it."""

from collections.abc import Iterable, Sequence
from itertools import product

from deploy.embedded.environment import WITH_DATABASE
from tests.k8s.reach import End, pods, reached
from tests.k8s.rendering import Overlay

Reach = set[tuple[str, str, int]]

API = {"identity": 8001, "verification": 8002, "billing-link": 8003, "notifier": 8004}
DNS = End("dns", {"k8s-app": "kube-dns"}, {"dns": 53}, "kube-system")
STRANGER = End("stranger", {"app.kubernetes.io/name": "gateway", "app.kubernetes.io/component": "api"}, {}, "default")
"""It bears our labels in another namespace."""
OUTSIDE = End(
    "outside",
    ports={"https": 443, "smtps": 465, "submission": 587, "smtp": 25},
    namespace=None,
    address="93.184.215.14",
)
MACHINE = End(
    "the cloud's address for its machines", ports={"http": 80, "https": 443}, namespace=None, address="169.254.169.254"
)


def each(sources: Iterable[str], targets: Iterable[str], *ports: int) -> Reach:
    return set(product(sources, targets, ports))


def programs(*kinds: str) -> list[str]:
    return [f"{service}-{kind}" for service in WITH_DATABASE for kind in kinds]


def hold(overlay: Overlay, ends: Sequence[End], table: Reach) -> None:
    """The table is what holds; and among our own pods each side would hold it alone."""
    ours = {end.name for end in ends if end.namespace == "kabinet"}
    among = {(one, other, port) for one, other, port in table if one in ours and other in ours}
    for sides in (("Egress", "Ingress"), ("Egress",), ("Ingress",)):
        wanted = table if len(sides) == 2 else among
        found = reached(overlay, ends, sides)
        if len(sides) == 1:
            found = {(one, other, port) for one, other, port in found if one in ours and other in ours}
        assert found - wanted == set(), f"more than the table says, by {sides}"
        assert wanted - found == set(), f"less than the table says, by {sides}"


def within() -> Reach:
    """What holds everywhere."""
    table = {(one, f"{service}-api", port) for one in ("gateway", "portal") for service, port in API.items()}
    table |= {("gateway", "portal", 8080), ("portal", "portal-redis", 6379)}
    return table | each(["verification-api", "verification-worker"], ["verification-redis"], 6379)


def test_in_production(production: Overlay) -> None:
    databases = [
        End(f"{service}-db", {"cnpg.io/cluster": f"{service}-db"}, {"postgres": 5432, "status": 8000})
        for service in WITH_DATABASE
    ]
    copies = [End(f"{one.name} copy", one.labels, one.ports) for one in databases]
    broker = {"strimzi.io/cluster": "kabinet", "strimzi.io/name": "kabinet-kafka"}
    kafka = End("kafka", broker, {"tls": 9093, "control": 9090, "replication": 9091, "agent": 8443})
    kafka_operator = End(
        "entity-operator", {"strimzi.io/cluster": "kabinet", "strimzi.io/name": "kabinet-entity-operator"}, {}
    )
    others = [
        End("prometheus", {}, {"otlp": 4318}, "monitoring"),
        End("public gateway", {}, {"https": 8443}, "gateway"),
        End("scaler", {}, {"metrics": 8080}, "keda"),
        End("databases' operator", {}, {"webhook": 9443}, "cnpg-system"),
        End("kafka's operator", {}, {"health": 8080}, "strimzi"),
        End("billing system", {}, {"web": 8000}, "billing", {"kabinet/billing": "true"}),
    ]
    ends = [*pods(production), *databases, *copies, kafka, kafka_operator, *others, DNS, STRANGER, OUTSIDE, MACHINE]
    ours = [end.name for end in ends if end.namespace == "kabinet"]
    table = within() | each(ours, ["dns"], 53)
    table |= {("public gateway", "gateway", 8000)}
    for service in WITH_DATABASE:
        both = [f"{service}-db", f"{service}-db copy"]
        table |= each(programs_of(service), both, 5432)
        table |= {(one, other, port) for one in both for other in both if one != other for port in (5432, 8000)}
        table |= each(["databases' operator"], both, 5432, 8000)
        table |= each(both, ["outside", "the cloud's address for its machines"], 443)
        # Kubernetes' API and the store of backups may be anywhere, on these two ports.
    table |= each([*programs("api", "worker"), "scaler", "billing system"], ["kafka"], 9093)
    table |= each(["entity-operator", "kafka's operator"], ["kafka"], 9090, 9091, 8443)
    table |= each(["entity-operator"], ["outside", "the cloud's address for its machines"], 443)
    table |= each(["notifier-worker"], ["outside"], 443, 465, 587)
    scraped = {f"{service}-api": port for service, port in API.items()} | {"portal": 8080}
    scraped |= {f"{service}-worker": port + 1000 for service, port in API.items()}
    table |= {("prometheus", name, port) for name, port in scraped.items()}
    table |= each(scraped, ["prometheus"], 4318)

    hold(production, ends, table)


def test_in_dev(overlays: dict[str, Overlay]) -> None:
    ends = [*pods(overlays["dev"]), DNS, STRANGER, OUTSIDE, MACHINE]
    ours = [end.name for end in ends if end.namespace == "kabinet"]
    table = within() | each(ours, ["dns"], 53)
    table |= each(programs("api", "worker", "migrate"), ["postgres"], 5432)
    table |= each([*programs("api", "worker"), "topics"], ["kafka"], 9092)
    table |= each(["notifier-worker"], ["mailbox"], 8025, 10025)
    table |= {("mailbox", "notifier-api", 8004)}

    hold(overlays["dev"], ends, table)


def programs_of(service: str) -> list[str]:
    return [f"{service}-{kind}" for kind in ("api", "worker", "migrate")]
