"""Every secret as it comes out of the store: who needs which, under which names, and in what form."""

from collections.abc import Iterator, Mapping, Sequence

from deploy.embedded.environment import SERVICES, WITH_DATABASE, database_name
from deploy.k8s.documents import Document

STORE = "kabinet"
"""The ClusterSecretStore; the overlay names the real one."""

PASSWORDS: Mapping[str, Sequence[str]] = {
    "identity": ("database_password",),
    "verification": ("database_password", "redis_password"),
    "billing-link": ("database_password",),
    "notifier": (
        "database_password",
        "smtp_username",
        "smtp_password",
        "sms_token",
        "sms_receipt_secret",
    ),
    "portal": ("redis_password",),
}
"""What lies in the store under `kabinet/<service>`, beside `private_keys`, the file of `make keys`."""

REDIS = {"verification": "code:*", "portal": "portal:*"}
"""The names of the keys that each keeps in its Redis."""


def documents() -> Iterator[Document]:
    yield _secret("public-keys", "kabinet/public", {"public.jwks.json": "keys"})
    for service in SERVICES:
        yield _secret(f"{service}-keys", f"kabinet/{service}", {"private.jwks.json": "private_keys"})
        yield _made(f"{service}-secrets", service, PASSWORDS[service], _settings(service))
    for service in WITH_DATABASE:
        role = {"username": database_name(service), "password": "{{ .database_password }}"}
        # By the label a changed password is taken into the database.
        form = {"type": "kubernetes.io/basic-auth", "metadata": {"labels": {"cnpg.io/reload": "true"}}}
        yield _made(f"{service}-db-owner", service, ["database_password"], role, form)
    for service, names in REDIS.items():
        users = {"users.acl": redis_users(service, names, ">{{ .redis_password }}")}
        yield _made(f"{service}-redis-users", service, ["redis_password"], users)
    yield _secret("backup-store", "kabinet/backups", {name: name for name in ("access_key_id", "secret_access_key")})


def redis_users(service: str, names: str, password: str) -> str:
    """The lines of Redis's users: the service, which sees its own keys alone, and whoever asks whether it lives."""
    return (
        "user default on nopass resetkeys resetchannels -@all +ping\n"
        f"user {service} on {password} ~{names} resetchannels +@all -@admin -@dangerous\n"
    )


def _settings(service: str) -> dict[str, str]:
    """A file for each secret setting, named like its variable in lower case."""
    before = database_name(service)
    found = {}
    for name in PASSWORDS[service]:
        match name:
            case "database_password":
                found[f"{before}_database_url"] = (
                    f"postgresql://{before}:{{{{ .database_password | urlquery }}}}@{service}-db-rw:5432/{before}"
                    "?sslmode=verify-full&sslrootcert=/run/kabinet/postgres-ca/ca.crt"
                )
            case "redis_password":
                address = f"{service}:{{{{ .redis_password | urlquery }}}}@{service}-redis:6379/0"
                found[f"{before}_redis_url"] = f"redis://{address}"
            case _:
                found[f"{before}_{name}"] = f"{{{{ .{name} }}}}"
    return found


def _made(
    name: str, service: str, needs: Sequence[str], data: dict[str, str], form: Document | None = None
) -> Document:
    template = {"type": "Opaque", "engineVersion": "v2", **(form or {}), "data": data}
    return _external(name, f"kabinet/{service}", {need: need for need in needs}, template)


def _secret(name: str, key: str, data: dict[str, str]) -> Document:
    return _external(name, key, data, None)


def _external(name: str, key: str, data: dict[str, str], template: Document | None) -> Document:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
            "target": {"name": name, "creationPolicy": "Owner"} | ({"template": template} if template else {}),
            "data": [{"secretKey": file, "remoteRef": {"key": key, "property": there}} for file, there in data.items()],
        },
    }
