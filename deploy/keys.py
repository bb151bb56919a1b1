"""Makes a set of keys: one public JWK Set for all services, and a private one for each."""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from joserfc.jwk import OctKey, OKPKey

PURPOSES: dict[str, tuple[str, ...]] = {
    "identity": ("sign", "hmac", "legacy"),
    "verification": ("sign", "hmac"),
    "billing-link": ("hmac",),
    "notifier": ("seal", "hmac"),
    "portal": ("hmac",),
}
"""What each service's keys are for; the first key of a purpose in a file is the current one."""

PUBLIC = "public.jwks.json"


class KeysExist(Exception):
    """The folder holds keys already. Overwriting them would make every old value and session unreadable."""


def make(folder: Path) -> None:
    """Writes `public.jwks.json` (mode 644) and `<service>.private.jwks.json` (mode 600) into the folder.

    The public file is written last, so that a folder which has it is complete.
    """
    if (folder / PUBLIC).exists() or any(folder.glob("*.private.jwks.json")):
        raise KeysExist(
            f"{folder} holds keys already; they are not overwritten. Name another folder or move them away."
        )
    folder.mkdir(parents=True, exist_ok=True)
    public = []
    for service, purposes in PURPOSES.items():
        private = [new_key(service, purpose) for purpose in purposes]
        public += [public_part(key) for key in private if "crv" in key]
        write(folder / f"{service}.private.jwks.json", {"keys": private}, 0o600)
    write(folder / PUBLIC, {"keys": public}, 0o644)


def public_part(key: dict[str, Any]) -> dict[str, Any]:
    """Of a key pair."""
    return {name: key[name] for name in ("kty", "crv", "x", "use", "kid")}


def new_key(service: str, purpose: str) -> dict[str, Any]:
    """As a JWK, with its secret part."""
    kid = f"{service}-{purpose}-{secrets.token_hex(4)}"
    match purpose:
        case "sign":
            key = OKPKey.generate_key("Ed25519", {"use": "sig", "kid": kid}, auto_kid=False).as_dict(private=True)
        case "seal":
            key = OKPKey.generate_key("X25519", {"use": "enc", "kid": kid}, auto_kid=False).as_dict(private=True)
        case _:
            key = OctKey.generate_key(256, {"kid": kid}, auto_kid=False).as_dict(private=True)
    return dict(key)


def write(path: Path, content: dict[str, Any], mode: int) -> None:
    """The mode is set before the first byte is written: a secret is never readable, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        json.dump(content, file, indent=2)
        file.write("\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.keys", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; it is made where it is missing")
    folder: Path = parser.parse_args().folder
    try:
        make(folder)
    except KeysExist as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        why = problem.strerror or problem
        print(f"{folder} cannot be written: {why}. Name another folder: make keys DIR=folder", file=sys.stderr)
        return 1
    print(f"Keys are in {folder}: {PUBLIC} for every service, <service>.private.jwks.json for that service alone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
