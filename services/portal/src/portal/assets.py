"""Static files: read once, under one hash, so that they never change under their address."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    content: bytes
    zipped: bytes
    kind: str


class Assets:
    """The files of `static/`, and where they are found."""

    def __init__(self) -> None:
        folder = Path(str(files("portal") / "static"))
        paths = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.suffix in KINDS}
        self.files = {name: _read(path) for name, path in paths.items()}
        together = hashlib.sha256()
        for name, asset in self.files.items():
            together.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        # One version for all of them: a script imports its neighbour by a relative address.
        self.version = together.hexdigest()[:16]

    def url(self, name: str) -> str:
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, gzip.compress(content, 9, mtime=0), KINDS[path.suffix])
