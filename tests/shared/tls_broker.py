"""A broker that speaks TLS beside its plain port, asks for certificates, and lets nobody do what no rule allows."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import HOST, free_port
from shared.broker import Broker
from tests.certificates import Authority


class TlsKafka:
    """Who comes by the plain port is the cluster's superuser; by TLS it is who its certificate says."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.made(folder / "authority")
        self.tls_port = free_port()
        port, controller_port = free_port(), free_port()
        certificate, key = self.authority.signed("broker")
        (both := folder / "broker.pem").touch(mode=0o600)
        both.write_text(key.read_text() + certificate.read_text())
        listeners = {"PLAINTEXT": port, "CONTROLLER": controller_port, "TLS": self.tls_port}
        told = [f"{name}://{HOST}:{at}" for name, at in listeners.items()]
        self.server = Kafka(
            folder / "kafka",
            port,
            controller_port,
            more={
                "listeners": ",".join(told),
                "advertised.listeners": ",".join(one for one in told if not one.startswith("CONTROLLER")),
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(both),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.authority.file),
                "ssl.client.auth": "required",
                # As Strimzi names who has a certificate of a KafkaUser.
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
            },
        )

    def broker(self, name: str) -> Broker:
        """As a program with the certificate of this name speaks to it."""
        return Broker(f"{HOST}:{self.tls_port}", self.authority.file, *self.authority.signed(name))


@asynccontextmanager
async def tls_kafka(folder: Path) -> AsyncIterator[TlsKafka]:
    kafka = TlsKafka(folder)
    await kafka.server.start()
    try:
        yield kafka
    finally:
        await kafka.server.stop()


KINDS = {"topic": 2, "group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
LITERAL, ALLOW = 3, 3


async def allow(kafka: TlsKafka, user: str, *rules: tuple[str, str, Sequence[str]]) -> None:
    """Rules (kind, name, operations) as a KafkaUser of Strimzi has them, for the user with this certificate."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.server.bootstrap)
    await asyncio.wait_for(admin.start(), 10)
    try:
        for kind, name, operations in rules:
            for operation in operations:
                principal = f"User:CN={user}"
                rule = (KINDS[kind], name, LITERAL, principal, "*", OPERATIONS[operation], ALLOW)
                answer = await admin._client.send(await _controller(admin), CreateAclsRequest(*rule))
                assert [code for code, _ in answer.creation_responses] == [0], answer
    finally:
        await admin.close()


async def _controller(admin: AIOKafkaAdminClient) -> int:
    return int((await admin.describe_cluster())["controller_id"])
