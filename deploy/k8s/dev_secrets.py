"""Keys and passwords for the dev overlay, in a folder of its own that git does not keep."""

import secrets
from pathlib import Path

from deploy import keys
from deploy.embedded.environment import WITH_DATABASE, database_name
from deploy.k8s.stored_secrets import REDIS, redis_users

FOLDER = Path(__file__).resolve().parent / "overlays" / "dev" / "secrets"


def make(folder: Path) -> None:
    """Safe to run again: a password that was made is the one that the volumes know."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not (folder / "keys" / keys.PUBLIC).exists():
        keys.make(folder / "keys")
    postgres = folder / "postgres"
    _made(postgres / "postgres_password")
    for service in WITH_DATABASE:
        name = database_name(service)
        password = _made(postgres / f"{name}_database_password")
        _write(folder / service / f"{name}_database_url", f"postgresql://{name}:{password}@postgres:5432/{name}")
    for service, names in REDIS.items():
        password = _made(folder / f"{service}-redis" / "password")
        _write(folder / f"{service}-redis" / "users.acl", redis_users(service, names, f">{password}"))
        url = f"redis://{service}:{password}@{service}-redis:6379/0"
        _write(folder / service / f"{database_name(service)}_redis_url", url)
    token = _made(folder / "mailbox" / "sms_token")
    for name in ("sms_token", "sms_receipt_secret"):
        _write(folder / "notifier" / f"notifier_{name}", token)


def _made(file: Path) -> str:
    if not file.exists():
        _write(file, secrets.token_urlsafe(24))
    return file.read_text()


def _write(file: Path, content: str) -> None:
    """Whole or not at all: a run that is interrupted leaves no empty password behind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    (new := file.with_name(f"{file.name}.new")).touch(mode=0o600)
    new.write_text(content)
    new.replace(file)
