"""`make clean`: removes a set's data. Standard library alone, so that any Python can run it by its path."""

import fcntl
import shutil
import sys
from pathlib import Path


def clean(folder: Path) -> str:
    """What was done, in words. A folder in use by a running set is left alone and a `BlockingIOError`."""
    if not folder.exists():
        return f"{folder} is not there: nothing to remove."
    with (folder / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    return f"{folder} is removed."


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "var" / "embedded"
    try:
        print(clean(folder))
    except BlockingIOError:
        print(f"A set runs in {folder}. Stop it first (Ctrl-C where `make up` runs).", file=sys.stderr)
        return 1
    except PermissionError as problem:
        print(f"{problem.filename} belongs to another user; remove {folder} as that user.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
