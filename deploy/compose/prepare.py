"""Makes the keys and secrets of docker-compose.yml in var/compose; what is there already stays as it is.

The folder is open to its owner alone (mode 700). The files in it can be read by everybody, because a container sees
them with the owner and mode that they have here, and each program in there runs as a user of its own.
"""

import argparse
import hashlib
import secrets
import sys
from pathlib import Path

from deploy import keys

FOLDER = Path(__file__).resolve().parents[2] / "var" / "compose"

DATABASES = ("identity", "verification", "billing_link", "notifier")
REDIS: dict[str, tuple[int, str]] = {"verification": (0, "code:*"), "portal": (1, "portal:*")}
"""Who keeps what in Redis: the number of its database, and the names of its keys, beside which it sees none."""

# The user without a name, as which a health check asks, may say PING and nothing else.
REDIS_DEFAULT = "user default on nopass resetkeys resetchannels -@all +ping"


def prepare(folder: Path) -> None:
    """Safe to run again: a password that was made is the one that the volumes know."""
    for place in (folder, folder / "secrets"):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o700)
    if not (folder / "keys" / keys.PUBLIC).exists():
        keys.make(folder / "keys")
    for file in (folder / "keys").iterdir():
        file.chmod(0o444)
    kept = folder / "secrets"
    for name in ("postgres_password", "grafana_password", "sms_token"):
        _made(kept / name)
    for name in DATABASES:
        _made(kept / f"{name}_database_url", f"postgresql://{name}:{{}}@postgres:5432/{name}")
    if not (kept / "redis_users").exists():
        _redis(kept)


def _redis(kept: Path) -> None:
    """A user for each service; Redis knows their passwords by digests. The users' file is written last."""
    users = [REDIS_DEFAULT]
    for service, (database, names) in REDIS.items():
        password = secrets.token_urlsafe(24)
        _write(kept / f"{service}_redis_url", f"redis://{service}:{password}@redis:6379/{database}")
        digest = hashlib.sha256(password.encode()).hexdigest()
        users.append(f"user {service} on #{digest} ~{names} resetchannels +@all -@admin -@dangerous")
    _write(kept / "redis_users", "\n".join(users) + "\n")


def _made(file: Path, form: str = "{}") -> None:
    if not file.exists():
        _write(file, form.format(secrets.token_urlsafe(24)))


def _write(file: Path, content: str) -> None:
    """Whole or not at all: a run that is interrupted leaves no empty password behind."""
    (new := file.with_name(f"{file.name}.new")).write_text(content)
    new.chmod(0o444)
    new.replace(file)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.compose.prepare", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="default: var/compose, where docker-compose.yml looks"
    )
    folder: Path = parser.parse_args().folder
    try:
        prepare(folder)
    except (OSError, keys.KeysExist) as problem:
        print(f"{folder}: {problem}", file=sys.stderr)
        return 1
    print(f"Keys and secrets are in {folder}; a copy of it is as good as the originals, so keep it closed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
