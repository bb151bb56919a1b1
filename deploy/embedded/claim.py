"""One launcher per folder: a lock that ends with the process that holds it."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from deploy.embedded.children import CannotStart


def claim(folder: Path) -> TextIO:
    """The held lock; closing it lets go. Another launcher's folder, or another user's, is a `CannotStart`."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to another user. Start as that user, or let that user run `make clean`.")
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise CannotStart(f"A set runs in {folder} already (pid {holder}). Stop it first, with Ctrl-C there.") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
