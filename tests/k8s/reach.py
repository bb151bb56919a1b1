"""Who may reach whom, worked out from network policies as Kubernetes reads them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.k8s.rendering import Document, Overlay, selects

OURS = "kabinet"


@dataclass(frozen=True)
class End:
    """Something that opens connections or takes them: a pod, of ours or of another namespace, or an address outside."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    namespace: str | None = OURS
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None

    @property
    def of_namespace(self) -> dict[str, str]:
        return {"kubernetes.io/metadata.name": self.namespace or "", **self.namespace_labels}


def reached(
    overlay: Overlay, ends: Sequence[End], sides: Sequence[str] = ("Egress", "Ingress")
) -> set[tuple[str, str, int]]:
    """From, to, port: each pair that the sides let talk. What is not ours says nothing: it lets all through."""
    policies = [each["spec"] for each in overlay.of("NetworkPolicy")]
    return {
        (one.name, other.name, port)
        for one in ends
        for other in ends
        for port in other.ports.values()
        if one is not other
        and (one.namespace == OURS or other.namespace == OURS)
        and ("Egress" not in sides or _lets(policies, "Egress", one, other, other, port))
        and ("Ingress" not in sides or _lets(policies, "Ingress", other, one, other, port))
    }


def _lets(policies: Sequence[Document], way: str, own: End, peer: End, target: End, port: int) -> bool:
    if own.namespace != OURS:
        return True
    mine = [each for each in policies if way in each["policyTypes"] and selects(each["podSelector"], own.labels)]
    return not mine or any(
        _peers(rule.get("to" if way == "Egress" else "from"), peer) and _ports(rule.get("ports"), target, port)
        for each in mine
        for rule in each.get(way.lower(), [])
    )


def _peers(chosen: Sequence[Document] | None, peer: End) -> bool:
    return chosen is None or any(_is(each, peer) for each in chosen)


def _is(chosen: Document, peer: End) -> bool:
    if "ipBlock" in chosen:
        if peer.address is None:
            return False
        block, address = chosen["ipBlock"], ip_address(peer.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(each) for each in block.get("except", [])
        )
    if peer.namespace is None:
        return False
    if "namespaceSelector" in chosen:
        if not selects(chosen["namespaceSelector"], peer.of_namespace):
            return False
    elif peer.namespace != OURS:
        return False
    return selects(chosen.get("podSelector", {}), peer.labels)


def _ports(chosen: Sequence[Document] | None, target: End, port: int) -> bool:
    return chosen is None or any(_named(each, target, port) for each in chosen)


def _named(chosen: Document, target: End, port: int) -> bool:
    first = chosen["port"]
    if isinstance(first, str):
        return target.ports.get(first) == port
    return bool(first <= port <= chosen.get("endPort", first))


def pods(overlay: Overlay) -> Iterator[End]:
    for pod in overlay.pods():
        yield End(pod.name.removesuffix("-0-1-0"), pod.labels, pod.ports)
