"""`python -m deploy.compose.topics kafka:9092`: makes the topics of deploy/topics.yaml, and ends with 1 if one differs.

A topic that is there already is never changed: fewer days would lose events, and other partitions the order per key.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from time import monotonic

from aiokafka.errors import KafkaError

from deploy.embedded import topics
from deploy.embedded.children import CannotStart
from shared.broker import Broker
from shared.topics import Unfit
from shared.topics_watch import differences


async def make(bootstrap: str, replication: int, seconds: float, file: Path = topics.FILE) -> list[str]:
    """What the broker has otherwise than the file; one that does not answer yet is asked again until the deadline."""
    wanted = topics.read(file)
    deadline = monotonic() + seconds
    while True:
        try:
            await topics.create(bootstrap, wanted, replication)
            return await differences(Broker(bootstrap), wanted)
        except (KafkaError, OSError, TimeoutError):
            if monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.compose.topics", description=__doc__)
    parser.add_argument("bootstrap", help="host:port of a broker")
    parser.add_argument("--file", type=Path, default=topics.FILE, help="instead of deploy/topics.yaml")
    parser.add_argument("--replication", type=int, default=1, help="copies of each partition")
    parser.add_argument("--seconds", type=float, default=60, help="how long the broker may take to answer")
    chosen = parser.parse_args()
    try:
        found = asyncio.run(make(chosen.bootstrap, chosen.replication, chosen.seconds, chosen.file))
    except (KafkaError, OSError, TimeoutError, CannotStart, Unfit) as problem:
        print(f"The topics cannot be made at {chosen.bootstrap}: {problem or type(problem).__name__}", file=sys.stderr)
        return 1
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(f"The broker differs from {chosen.file.name}; no topic that was there was changed.", file=sys.stderr)
        return 1
    print(f"{len(topics.read(chosen.file))} topics are as {chosen.file.name} says.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
