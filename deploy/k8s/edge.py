"""What the outside may ask for, as the HTTPRoute says it: the list of deploy/gateway/nginx.conf."""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.k8s.documents import Document

GATEWAY = Path(__file__).resolve().parents[1] / "gateway"
WAIT_SECONDS = 30
"""The longest answer takes 27 (`?wait`, and pages that use it)."""


class Unreadable(Exception):
    """The list in nginx.conf has a form that is not understood here."""


def listed() -> Iterator[tuple[str, str]]:
    """`PathPrefix` or `Exact`, and the path: each alternative of `map $path $owner`."""
    block = re.search(r"map \$path \$owner \{\n(.*?)\n    \}", (GATEWAY / "nginx.conf").read_text(), re.DOTALL)
    if block is None:
        raise Unreadable("nginx.conf has no `map $path $owner`")
    for line in (line.strip() for line in block[1].splitlines()):
        if not line or line.startswith("default "):
            continue
        found = re.fullmatch(r'"?(~\^)?(/[^"]*?)"? [\w-]+;', line)
        if found is None:
            raise Unreadable(line)
        yield from _alternatives(found[2]) if found[1] else [("Exact", found[2])]


def _alternatives(pattern: str) -> Iterator[tuple[str, str]]:
    """Of `/v1/(codes|me)(/|$)`, `/[crv]/[^/]+$`, `/static/`."""
    found = re.fullmatch(r"(/[\w/-]*?)(?:\(([\w|-]+)\)|\[(\w+)\]|([\w-]+))(?:\(/\|\$\)|/\[\^/\]\+\$|/)", pattern)
    if found is None:
        raise Unreadable(pattern)
    before, choice, letters, single = found.groups()
    for name in choice.split("|") if choice else letters or [single]:
        yield "PathPrefix", before + name


def documents() -> Iterator[Document]:
    yield {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "kabinet"},
        "spec": {
            # The three names are the overlay's.
            "parentRefs": [{"name": "public", "namespace": "gateway"}],
            "hostnames": ["lk.example.org"],
            "rules": [
                {
                    "matches": [{"path": {"type": kind, "value": path}} for kind, path in sorted(listed())],
                    "timeouts": {"request": f"{WAIT_SECONDS}s"},
                    "backendRefs": [{"name": "gateway", "port": 8000}],
                }
            ],
        },
    }
