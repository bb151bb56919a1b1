"""What looks like a secret in the files that git has or would take, and is not among those known to be none."""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from deploy.supply.closure import ROOT

KNOWN = Path(__file__).with_name("not_secrets.yaml")
CLEAN = "var/supply/clean.txt"
"""Digests of files in which nothing was found, so that the next run looks at what changed alone."""

INLINE = "detect_secrets.filters.allowlist.is_line_allowlisted"
"""A comment that silences its own line gives no reason, and nobody sees the list of them: only KNOWN counts."""

MANIFESTS = "deploy/k8s/"
NAMES_OF_SECRETS = r"\bsecret(Key|Name|Prefix)\b|\bsecret: *\{ *name\b"
"""In manifests `secretName: identity-secrets` says where a secret is. Its value would still look like one by itself."""

BINARY = frozenset({".bloom", ".ico", ".png", ".whl"})


@dataclass(frozen=True, order=True)
class Finding:
    file: str
    line: int
    kind: str
    value: str

    def __str__(self) -> str:
        """Without the value: what is printed goes into logs of builds."""
        return f"{self.file}:{self.line}: {self.kind}"


@dataclass(frozen=True)
class Known:
    """Values that are no secrets, each in its files alone."""

    pairs: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, text: str) -> "Known":
        entries: list[dict[str, Any]] = yaml.safe_load(text)
        for entry in entries:
            if not entry["reason"].strip():
                raise ValueError(f"{entry['files']} has no reason")
        return cls(frozenset((file, str(value)) for e in entries for file in e["files"] for value in e["values"]))

    def holds(self, finding: Finding) -> bool:
        if finding.file == str(KNOWN.relative_to(ROOT)):
            return finding.value in {value for _, value in self.pairs}
        return (finding.file, finding.value) in self.pairs


def files(root: Path) -> list[str]:
    """Tracked files and new ones that git does not ignore: a secret is found before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in listed if Path(name).suffix not in BINARY and (root / name).is_file()})


def findings(root: Path, names: Iterable[str]) -> Iterator[Finding]:
    """Every suspicion in these files, known or not."""
    names = list(names)
    yield from _findings(root, [name for name in names if not name.startswith(MANIFESTS)], but="")
    yield from _findings(root, [name for name in names if name.startswith(MANIFESTS)], but=NAMES_OF_SECRETS)


def unknown(root: Path = ROOT) -> list[Finding]:
    """What nobody has looked at. On several processors at once, for the whole tree costs 45 s of one."""
    known = Known.read(KNOWN.read_text())
    kept = root / CLEAN
    clean = set(kept.read_text().split()) if kept.is_file() else set()
    digests = {name: _digest(root / name) for name in files(root)}
    changed = [name for name, digest in digests.items() if digest not in clean]
    processes = os.cpu_count() or 1
    parts = [changed[first :: processes * 4] for first in range(processes * 4)]
    with ProcessPoolExecutor(processes) as pool:
        found = [finding for part in pool.map(_part, [root] * len(parts), parts) for finding in part]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("\n".join(sorted(set(digests.values()) - {digests[finding.file] for finding in found})) + "\n")
    return sorted(finding for finding in found if not known.holds(finding))


def _findings(root: Path, names: Iterable[str], but: str) -> Iterator[Finding]:
    with default_settings() as settings:
        settings.disable_filters(INLINE).plugins["KeywordDetector"] = {"keyword_exclude": but}
        for name in names:
            secrets = scan_file(str(root / name))
            found = {(secret.type, secret.secret_value or ""): secret.line_number for secret in secrets}
            yield from sorted(Finding(name, line, kind, value) for (kind, value), line in found.items())


def _part(root: Path, names: list[str]) -> list[Finding]:
    return list(findings(root, names))


@lru_cache
def _tool() -> bytes:
    return f"detect-secrets {version('detect-secrets')}".encode()


def _digest(file: Path) -> str:
    """Of the tool, the file's suffix (detectors differ by it) and its bytes."""
    return hashlib.sha256(b"\0".join((_tool(), file.suffix.encode(), file.read_bytes()))).hexdigest()
