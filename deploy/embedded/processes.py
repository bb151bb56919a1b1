"""What the set takes of the machine, process by process."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from deploy.embedded.children import Child

MIB = 1024 * 1024


@dataclass(frozen=True)
class Process:
    """One part of the set with everything that it started. Memory in MiB; `pss` counts a page shared by n as 1/n."""

    name: str
    pid: int
    rss: float
    pss: float


def processes(children: Mapping[str, Child]) -> list[Process]:
    """The launcher itself and every part that runs."""
    found = [_measured("launcher", psutil.Process(os.getpid()), alone=True)]
    for name, child in children.items():
        if child.running and child.pid:
            found.append(_measured(name, psutil.Process(child.pid), alone=False))
    return found


def _measured(name: str, top: psutil.Process, alone: bool) -> Process:
    rss = pss = 0
    for process in [top] if alone else [top, *top.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.NoSuchProcess:  # it ended since it was listed
            continue
        rss += memory.rss
        pss += getattr(memory, "pss", memory.rss)  # Linux alone counts it
    return Process(name, top.pid, round(rss / MIB, 1), round(pss / MIB, 1))
