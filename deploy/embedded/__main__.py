"""The whole of Kabinet on this machine: real servers and the services, without containers."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from deploy.embedded import demo, exports, up
from deploy.embedded.children import CannotStart
from deploy.embedded.launcher import ROOT


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """The work's exit code. Ctrl-C, SIGTERM and a closed terminal end it in order, once; impatience changes nothing."""
    task = asyncio.create_task(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if stopped:
            print("Stopping already; a few seconds more.", file=sys.stderr)
            return
        stopped = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return 0 if stopped else 1
    except CannotStart as problem:
        print(f"\nKabinet cannot be started.\n{problem}", file=sys.stderr)
        return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="everything, in the foreground, on the ports of the contract")
    start.add_argument("--folder", type=Path, default=ROOT / "var" / "embedded", help="where its data lives")
    commands.add_parser("demo", help="the whole journey on a fresh set of its own")
    foreign = commands.add_parser("exports", help="somebody else's exports through the imports, on a fresh set")
    foreign.add_argument(
        "files", type=Path, help="folder of accounts.csv, payments.csv, legacy_users.csv and their truth"
    )
    chosen = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.umask(0o077)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what cannot be reached is told in our own words
    match chosen.command:
        case "up":
            work = up.up(chosen.folder)
        case "demo":
            work = demo.walk()
        case _:
            work = exports.take(chosen.files)
    return asyncio.run(_until_stopped(work))


if __name__ == "__main__":
    sys.exit(main())
