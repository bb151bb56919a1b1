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
import tomllib
from pathlib import Path

from deploy.supply import pins

FILE = Path(__file__).resolve().parents[1] / "pyproject.toml"
BLOCK = re.compile(r"^constraint-dependencies = \[\n(?:    .*\n)*\]\n", re.MULTILINE)
BUILDERS = re.compile(r"^build-constraint-dependencies = \[\n(?:    .*\n)*\]\n", re.MULTILINE)
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
        locked = (FILE.parent / "uv.lock").read_text()
        versions = {pin["name"]: pin["version"] for pin in PIN.finditer(locked)}
        builders = pins.builders(tomllib.loads(locked))
    except (subprocess.CalledProcessError, FileNotFoundError) as problem:
        FILE.write_text(text)
        print(f"uv could not resolve the packages ({problem}); {FILE.name} is as it was.", file=sys.stderr)
        return 1
    except BaseException:
        FILE.write_text(text)
        raise
    text = BLOCK.sub(lambda _: _block("constraint-dependencies", versions), text)
    built = {name: version for name, version in versions.items() if name in builders}
    FILE.write_text(BUILDERS.sub(lambda _: _block("build-constraint-dependencies", built), text))
    print(f"{len(versions)} packages pinned in {FILE.name}.")
    return 0


def _block(name: str, versions: dict[str, str]) -> str:
    lines = sorted(f'    "{package}=={version}",\n' for package, version in versions.items())
    return f"{name} = [\n{''.join(lines)}]\n"


if __name__ == "__main__":
    sys.exit(main())
