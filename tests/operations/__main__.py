"""Rehearsals that last: `python -m tests.operations set-back|keys`, each on a running set of its own."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.operations import rehearsals

REHEARSALS: dict[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "set-back": rehearsals.set_back,
    "keys": rehearsals.keys,
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.operations", description=__doc__)
    made.add_argument("name", choices=REHEARSALS)
    return made


def main() -> int:
    name = parser().parse_args().name
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kabinet-rehearsal-") as folder:
        asyncio.run(REHEARSALS[name](Path(folder)))
    print(f"{name}: held, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
