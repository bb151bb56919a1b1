"""The broker: where Apache Kafka answers, and the certificates with which it is spoken to."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.complaints import CannotGoOn
from shared.settings import ServiceSettings, variable


@dataclass(frozen=True)
class Broker:
    """Without `ca` the connection is plain; with it, it is TLS; with a certificate too, the broker knows who asks."""

    servers: str
    """`host:port`, several with commas."""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Broker":
        """`CannotGoOn` where the files cannot be used, so that a program says so at its start."""
        ca, certificate, key = settings.kafka_ca_file, settings.kafka_certificate_file, settings.kafka_key_file
        names = [variable(type(settings), f"kafka_{name}_file") for name in ("ca", "certificate", "key")]
        if (certificate is None) != (key is None) or (certificate is not None and ca is None):
            raise CannotGoOn(f"Set {', '.join(names)} together, the first alone, or none of them.")
        broker = cls(settings.kafka_bootstrap_servers, ca, certificate, key)
        try:
            broker.tls()
        except OSError as problem:  # ssl's errors among them
            raise CannotGoOn(f"{', '.join(names)}: cannot be used ({problem.strerror or problem}).") from None
        return broker

    def tls(self) -> ssl.SSLContext | None:
        """Read anew at every call: a certificate that was renewed is taken with the next connection."""
        if self.ca is None:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> dict[str, Any]:
        """What every aiokafka client is told of it."""
        tls = self.tls()
        return {
            "bootstrap_servers": self.servers,
            "security_protocol": "PLAINTEXT" if tls is None else "SSL",
            "ssl_context": tls,
        }
