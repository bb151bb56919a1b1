"""`make lock`: resolves the newest versions and pins the whole closure in pyproject.toml.

uv's own lock file records where each file was downloaded; a retailer builds behind a registry of its own. So versions
are pinned here, in `[tool.uv] constraint-dependencies`, and `uv.lock` is made on each machine from them
(docs/decisions/0002-pins-without-addresses.md).
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "pyproject.toml"
BLOCK = re.compile(r"constraint-dependencies = \[\n(?:    .*\n)*\]\n")
PIN = re.compile(r'^name = "(?P<name>[^"]+)"\nversion = "(?P<version>[^"]+)"\nsource = \{ registry', re.MULTILINE)


def main() -> int:
    about = "Resolves the newest versions of all packages and pins them in pyproject.toml."
    argparse.ArgumentParser(prog="make lock", description=about).parse_args()
    text = FILE.read_text()
    if not BLOCK.search(text):
        print(f"{FILE.name} has no `constraint-dependencies = [` under [tool.uv]; put an empty list back.")
        return 1
    FILE.write_text(BLOCK.sub("constraint-dependencies = [\n]\n", text))
    try:
        subprocess.run([os.environ.get("UV", "uv"), "lock", "--upgrade"], cwd=FILE.parent, check=True)
        pins = PIN.finditer((FILE.parent / "uv.lock").read_text())
        lines = sorted(f'    "{pin["name"]}=={pin["version"]}",\n' for pin in pins)
    except (subprocess.CalledProcessError, FileNotFoundError) as problem:
        FILE.write_text(text)
        print(f"uv could not resolve the packages ({problem}); {FILE.name} is as it was.", file=sys.stderr)
        return 1
    except BaseException:
        FILE.write_text(text)
        raise
    FILE.write_text(BLOCK.sub(lambda _: f"constraint-dependencies = [\n{''.join(lines)}]\n", text))
    print(f"{len(lines)} packages pinned in {FILE.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
