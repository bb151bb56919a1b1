"""Breached passwords, known offline: a Bloom filter over a list of the million most common ones."""

import hashlib
import json
import math
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

FILTER = Path(__file__).with_name("breached_passwords.bloom")


class Breached:
    """`password in Breached(…)`: never False for one of the list, True for another one at the rate of the filter."""

    def __init__(self, header: dict[str, int], bits: bytes) -> None:
        self.entries, self._size, self._hashes = header["entries"], header["bits"], header["hashes"]
        self._bits = bits

    def __contains__(self, password: str) -> bool:
        places = _places(password, self._size, self._hashes)
        return all(self._bits[place >> 3] >> (place & 7) & 1 for place in places)

    @property
    def false_share(self) -> float:
        """Of other passwords that are taken for breached ones."""
        filled = sum(byte.bit_count() for byte in self._bits) / self._size
        return float(filled**self._hashes)


@cache
def breached() -> Breached:
    """The filter of this release, read once."""
    return read(FILTER)


def read(path: Path) -> Breached:
    header, _, bits = path.read_bytes().partition(b"\n")
    return Breached(json.loads(header), bits)


def write(path: Path, passwords: Collection[str], false_share: float) -> None:
    """Build the filter of these passwords, so that `false_share` of all others are in it by chance."""
    size = math.ceil(-len(passwords) * math.log(false_share) / math.log(2) ** 2 / 8) * 8
    hashes = max(1, round(size / len(passwords) * math.log(2)))
    bits = bytearray(size // 8)
    for password in passwords:
        for place in _places(password, size, hashes):
            bits[place >> 3] |= 1 << (place & 7)
    header = {"entries": len(passwords), "bits": size, "hashes": hashes}
    path.write_bytes(json.dumps(header).encode() + b"\n" + bits)


def folded(password: str) -> str:
    """The form in which passwords are listed: a capital letter does not make a breached one better."""
    return password.casefold()


def _places(password: str, size: int, hashes: int) -> Iterator[int]:
    raw = hashlib.blake2b(folded(password).encode(errors="surrogatepass"), digest_size=16).digest()
    first, step = int.from_bytes(raw[:8]), int.from_bytes(raw[8:]) | 1
    return ((first + n * step) % size for n in range(hashes))
