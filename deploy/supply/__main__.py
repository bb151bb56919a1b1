"""`make audit`, `make sbom`, `make licences`: python -m deploy.supply <what>."""

import argparse
import sys

from deploy.embedded.environment import SERVICES
from deploy.supply import bill, closure, licences, pins, secret_scan, vulnerabilities


def check_pins() -> int:
    """Every resolved package is pinned, and every pin is needed."""
    return _told(pins.check(), "{} of pins and packages differ", "Every package is pinned.")


def check_secrets() -> int:
    """Nothing that git has or would take looks like a secret."""
    known = secret_scan.KNOWN.relative_to(closure.ROOT)
    wrong = (
        f"{{}} may be secrets: take them out, and change them if they were pushed; or say in {known} why they are none"
    )
    return _told([str(finding) for finding in secret_scan.unknown()], wrong, "No secrets.")


def check_vulnerabilities() -> int:
    """0: none known; 1: some; 3: nobody who knows could be asked."""
    try:
        found = vulnerabilities.known(closure.everything())
    except vulnerabilities.NotAsked as problem:
        print(f"NOT AUDITED: {problem}", file=sys.stderr)
        return 3
    return _told(found, "{} known vulnerabilities", "No known vulnerability in any package.")


def write_bills() -> int:
    """A CycloneDX document for each service's image in var/sbom."""
    folder = closure.ROOT / "var/sbom"
    folder.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (file := folder / f"{service}.cdx.json").write_text(bill.text(service))
        print(file.relative_to(closure.ROOT))
    return 0


def write_licences() -> int:
    """docs/licences.md anew."""
    try:
        licences.PAGE.write_text(licences.page(licences.packages()))
    except (licences.Unclear, licences.Forbidden) as problem:
        print(f"{type(problem).__name__}: {problem}\n{type(problem).__doc__}", file=sys.stderr)
        return 1
    return 0


def check_licences() -> int:
    """docs/licences.md says what is installed."""
    try:
        stale = not licences.PAGE.is_file() or licences.PAGE.read_text() != licences.page(licences.packages())
    except (licences.Unclear, licences.Forbidden) as problem:
        return _told([f"{type(problem).__name__}: {problem}"], "{} licence is wrong", "")
    return _told(
        ["docs/licences.md"] if stale else [], "{} page is stale: make licences", "Licences are as the page says."
    )


COMMANDS = {
    "pins": check_pins,
    "secrets": check_secrets,
    "vulnerabilities": check_vulnerabilities,
    "licences": check_licences,
    "write-licences": write_licences,
    "write-sbom": write_bills,
}


def main() -> int:
    about = "\n".join(f"  {name:<16} {command.__doc__}" for name, command in COMMANDS.items())
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m deploy.supply", description=about, formatter_class=form)
    parser.add_argument("what", choices=COMMANDS)
    return COMMANDS[parser.parse_args().what]()


def _told(wrong: list[str], summary: str, good: str) -> int:
    if wrong:
        print(*wrong, summary.format(len(wrong)) + ".", sep="\n", file=sys.stderr)
        return 1
    print(good)
    return 0


if __name__ == "__main__":
    sys.exit(main())
