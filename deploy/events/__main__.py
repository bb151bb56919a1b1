"""`make events`: forms and samples of new events, and the documents; refuses what breaks a released form."""

import sys
import tomllib
from pathlib import Path

from deploy.events import asyncapi, catalogue, pages, samples, wire

ROOT = Path(__file__).resolve().parents[2]


def documents() -> dict[Path, str]:
    """What each generated document must say."""
    found = catalogue.read()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return {
        ROOT / "docs/asyncapi.yaml": asyncapi.text(found, version),
        ROOT / "docs/events.md": pages.text(found),
    }


def main() -> int:
    if missing := samples.missing():
        print(
            'Draft a sample first, {"data": {…}, "sealed": {…}}, every field in it:',
            *missing,
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    try:
        new = wire.record({type_: wire.form_of(event) for type_, event in wire.classes().items()})
    except wire.Breaking as problem:
        print("Readers of what was released would break:", *problem.changes, sep="\n  ", file=sys.stderr)
        print(
            "Nothing was written. Leave the released class as it is, and add a new version beside it.", file=sys.stderr
        )
        return 1
    written = [wire.RELEASED / f"{type_}.json" for type_ in new] + samples.complete()
    for path, said in documents().items():
        if not path.exists() or path.read_text() != said:
            path.write_text(said)
            written.append(path)
    print(*(f"written: {path.relative_to(ROOT)}" for path in written), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
