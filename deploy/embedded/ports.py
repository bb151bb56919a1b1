"""Ports on 127.0.0.1: free ones, and a clear word when one is taken."""

import asyncio
import errno
import random
import socket
from time import monotonic

from deploy.embedded.children import CannotStart

HOST = "127.0.0.1"
FREE = range(20000, 32000)
"""Below the range from which Linux takes ports for outgoing connections: nobody else gets the port of a server that is
paused for a moment, and a client that calls a closed port cannot be connected to itself."""
# Tests seed `random` alike in all their processes, which would then all take the same ports.
_dice = random.SystemRandom()


class PortTaken(CannotStart):
    """Another program listens there."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                return False
            raise CannotStart(f"Port {port} cannot be used: {problem.strerror}.") from problem
        return True


def free_port() -> int:
    """A port that nobody listens on now."""
    for _ in range(1000):
        if is_free(port := _dice.choice(FREE)):
            return port
    raise CannotStart(f"No free port between {FREE.start} and {FREE.stop}.")


def free_ports(count: int) -> list[int]:
    """Different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


async def require_free(port: int, what: str, variable: str, seconds: float = 2) -> None:
    """Waits a moment (a set that was just killed is still ending), then refuses with the variable to change."""
    deadline = monotonic() + seconds
    while not is_free(port):
        if monotonic() > deadline:
            raise PortTaken(
                f"Port {port} ({what}) is taken by another program. Stop that one, or choose another port: "
                f"{variable}=<port> make up"
            )
        await asyncio.sleep(0.1)
