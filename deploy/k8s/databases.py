"""A PostgreSQL cluster for each service, its nightly backup, and who may reach it."""

from collections.abc import Iterator

from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.k8s.documents import Document

OPERATOR = {"kubernetes.io/metadata.name": "cnpg-system"}
BACKUP = "barman-cloud.cloudnative-pg.io"


def documents() -> Iterator[Document]:
    for index, service in enumerate(WITH_DATABASE):
        yield _cluster(service)
        yield _nightly(service, index)
        yield _from_within(service)
        yield _to_it(service)


def _cluster(service: str) -> Document:
    name = database_name(service)
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": f"{service}-db"},
        "spec": {
            "instances": 3,
            "imageCatalogRef": {
                "apiGroup": "postgresql.cnpg.io",
                "kind": "ClusterImageCatalog",
                "name": "postgresql-minimal-trixie",
                "major": 18,
            },
            # The role owns its database, since it migrates it, and is nothing outside of it.
            "bootstrap": {
                "initdb": {
                    "database": name,
                    "owner": name,
                    "secret": {"name": f"{service}-db-owner"},
                    "encoding": "UTF8",
                    "localeProvider": "builtin",
                    "builtinLocale": "C.UTF-8",
                }
            },
            "postgresql": {
                # Up to fourteen processes with twenty connections in their pools and a few that listen (tests/k8s).
                # An error's detail quotes values, people's contacts among them: the log has none.
                "parameters": {
                    "max_connections": "340",
                    "shared_buffers": "512MB",
                    "log_error_verbosity": "terse",
                },
                "pg_hba": [f"hostssl {name} {name} all scram-sha-256", "hostnossl all all all reject"],
                # What was committed is on two machines: an event that was announced is not lost with one of them.
                "synchronous": {"method": "any", "number": 1, "dataDurability": "required"},
            },
            "storage": {"size": "20Gi"},
            "walStorage": {"size": "10Gi"},
            "resources": {
                "requests": {"cpu": "500m", "memory": "3Gi"},
                "limits": {"cpu": "2", "memory": "3Gi"},
            },
            "affinity": {
                "enablePodAntiAffinity": True,
                "podAntiAffinityType": "preferred",
                "topologyKey": "topology.kubernetes.io/zone",
            },
            "plugins": [{"name": BACKUP, "isWALArchiver": True, "parameters": {"barmanObjectName": "kabinet-backups"}}],
        },
    }


def _nightly(service: str, index: int) -> Document:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "ScheduledBackup",
        "metadata": {"name": f"{service}-db"},
        "spec": {
            "cluster": {"name": f"{service}-db"},
            "schedule": f"0 {15 * index} 1 * * *",
            "immediate": True,
            "backupOwnerReference": "self",
            "method": "plugin",
            "pluginConfiguration": {"name": BACKUP},
        },
    }


def _from_within(service: str) -> Document:
    """What reaches the database, and what it reaches: its own copies, the cluster's API, the store of backups."""
    itself = {"podSelector": {"matchLabels": {"cnpg.io/cluster": f"{service}-db"}}}
    return _policy(
        f"{service}-db",
        itself["podSelector"],
        {
            "ingress": [
                {"from": [{"podSelector": _programs(service)}], "ports": [{"port": 5432}]},
                {
                    "from": [itself, {"namespaceSelector": {"matchLabels": OPERATOR}}],
                    "ports": [{"port": 5432}, {"port": 8000}],
                },
            ],
            "egress": [
                {"to": [itself], "ports": [{"port": 5432}, {"port": 8000}]},
                {"ports": [{"port": 443}, {"port": 6443}]},
            ],
        },
    )


def _to_it(service: str) -> Document:
    to = {"podSelector": {"matchLabels": {"cnpg.io/cluster": f"{service}-db"}}}
    return _policy(f"{service}-to-db", _programs(service), {"egress": [{"to": [to], "ports": [{"port": 5432}]}]})


def _programs(service: str) -> Document:
    kinds = {"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "worker", "migrate"]}
    return {"matchLabels": {"app.kubernetes.io/name": service}, "matchExpressions": [kinds]}


def _policy(name: str, chosen: Document, rules: dict[str, list[Document]]) -> Document:
    kinds = [kind.capitalize() for kind in rules]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": chosen, "policyTypes": kinds, **rules},
    }
