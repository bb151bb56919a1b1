"""A Kubernetes API of the tests' own: the real kube-apiserver and etcd in one process (controlplane/)."""

import os
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.embedded.children import Child
from deploy.embedded.ports import HOST, free_ports
from tests.k8s.rendering import BUILT, Document
from tests.kit import eventually

START_SECONDS = 90
REQUIRED = "required"


def program() -> Path | None:
    """Where `KABINET_CONTROL_PLANE` says, or where README.md of deploy/k8s puts it."""
    named = os.environ.get("KABINET_CONTROL_PLANE", REQUIRED)
    found = BUILT / "controlplane" if named == REQUIRED else Path(named)
    return found if found.is_file() else None


class ApiServer:
    """Documents are applied as `kubectl apply --server-side` does, and strictly: an unknown field is refused."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._kinds: dict[tuple[str, str], Document] = {}

    async def ready(self) -> bool:
        try:
            return (await self._client.get("/readyz")).status_code == 200
        except (httpx2.HTTPError, OSError):
            return False

    async def apply(self, document: Document, *, dry: bool = False) -> tuple[int, Document, list[str]]:
        """Status, what the server has now (or why not), and its warnings."""
        query = {"fieldManager": "tests", "fieldValidation": "Strict", "force": "true"}
        answer = await self._client.patch(
            f"{await self._place(document)}/{document['metadata']['name']}",
            params=query | ({"dryRun": "All"} if dry else {}),
            json=document,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return answer.status_code, answer.json(), answer.headers.get_list("warning")

    async def create(self, document: Document, *, dry: bool = False) -> tuple[int, Document, list[str]]:
        answer = await self._client.post(
            await self._place(document), params={"dryRun": "All"} if dry else {}, json=document
        )
        return answer.status_code, answer.json(), answer.headers.get_list("warning")

    async def _place(self, document: Document) -> str:
        """The path of a kind's objects, as the server tells where each kind is."""
        version, kind = document["apiVersion"], document["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._kinds:
            listed = (await self._client.get(root)).json()["resources"]
            self._kinds |= {(version, each["kind"]): each for each in listed if "/" not in each["name"]}
        found = self._kinds[version, kind]
        within = f"/namespaces/{document['metadata']['namespace']}" if found["namespaced"] else ""
        return f"{root}{within}/{found['name']}"

    async def serves(self, version: str, kind: str) -> bool:
        answer = await self._client.get(f"/apis/{version}")
        return answer.status_code == 200 and kind in {each["kind"] for each in answer.json()["resources"]}


@asynccontextmanager
async def api_server(built: Path, folder: Path) -> AsyncIterator[ApiServer]:
    """It holds nothing and runs nothing: no node, no controller; it says whether it would take what it is given."""
    port, etcd, peers = free_ports(3)
    token = secrets.token_urlsafe(24)
    (folder / "tokens.csv").write_text(f"{token},tests,1,system:masters\n")
    _signing_key(folder / "accounts.pem")
    child = Child(
        "controlplane",
        [
            built,
            folder / "etcd",
            f"http://{HOST}:{etcd}",
            f"http://{HOST}:{peers}",
            f"--bind-address={HOST}",
            f"--secure-port={port}",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-issuer=https://{HOST}",
            f"--service-account-key-file={folder / 'accounts.pem'}",
            f"--service-account-signing-key-file={folder / 'accounts.pem'}",
            "--disable-admission-plugins=ServiceAccount",
        ],
        folder / "log",
    )
    child.start()
    try:
        certificate = folder / "certificates" / "apiserver.crt"

        async def written() -> bool:
            return certificate.exists() and certificate.read_text().endswith("-----END CERTIFICATE-----\n")

        await eventually(written, START_SECONDS)
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with httpx2.AsyncClient(
            base_url=f"https://{HOST}:{port}",
            verify=trusted,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        ) as client:
            server = ApiServer(client)
            await eventually(server.ready, START_SECONDS)
            yield server
    finally:
        await child.stop()


def _signing_key(file: Path) -> None:
    """The server wants one for tokens of service accounts, of which there are none here."""
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
