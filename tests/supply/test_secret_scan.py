"""Secrets are found before they are committed; what is none is known by file, value and reason."""

import secrets
import string
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy import keys
from deploy.embedded.environment import Secrets
from deploy.supply import secret_scan
from deploy.supply.closure import ROOT
from deploy.supply.secret_scan import Known

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into a repository that has nothing else."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)

    def written(name: str, text: str) -> Path:
        (file := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return tmp_path

    return written


def found(root: Path) -> list[str]:
    """The files; one value may look like a secret in two ways."""
    return sorted({finding.file for finding in secret_scan.unknown(root)})


def random_word(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def private_key() -> str:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.decode()


def cloud_key() -> str:
    return f"key = AKIA{random_word(string.ascii_uppercase + string.digits, 16)}\n"


def address_with_password() -> str:
    return f"DATABASE_URL=postgresql://identity:{secrets.token_urlsafe(24)}@db/identity\n"


def word_of_passing() -> str:
    return f'smtp_password: "{secrets.token_urlsafe(24)}"\n'


def manifest() -> str:
    return f"kind: Secret\nstringData:\n  sms_token: {secrets.token_hex(24)}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docs/runbooks/keys.md", private_key),
        ("deploy/k8s/settings.ini", cloud_key),
        ("services/identity/.env", address_with_password),
        ("deploy/compose/notifier.yaml", word_of_passing),
        ("deploy/k8s/secret.yaml", manifest),
    ],
)
def test_planted_secret_is_found(write: Write, name: str, text: Callable[[], str]) -> None:
    root = write(name, text())

    assert found(root) == [name]


def test_keys_of_a_service_are_found_in_every_private_file(write: Write) -> None:
    root = write("README.md", "keys lie beside\n")

    keys.make(root / "keys")

    assert set(found(root)) >= {f"keys/{service}.private.jwks.json" for service in keys.PURPOSES}


def test_passwords_of_a_set_are_found(write: Write) -> None:
    root = write("README.md", "a set lies beside\n")

    Secrets.of(root / "secrets.json")

    assert "secrets.json" in found(root)


def test_secret_is_found_before_git_knows_its_file_and_not_where_git_ignores_it(write: Write) -> None:
    write(".gitignore", "/var/\n")
    write("var/keys/key.pem", private_key())
    root = write("new.pem", private_key())

    assert found(root) == ["new.pem"]


def test_comment_in_its_line_silences_no_secret(write: Write) -> None:
    root = write("settings.py", f'password = "{secrets.token_urlsafe(24)}"  # pragma: allowlist ' + "secret\n")

    assert found(root) == ["settings.py"]


def test_value_known_in_one_file_is_found_in_another(write: Write) -> None:
    value = "the-receipt-secret"
    write("tests/notifier/test_sms_receipts.py", f'SECRET = "{value}"\n')
    root = write("services/notifier/settings.py", f'SECRET = "{value}"\n')

    assert found(root) == ["services/notifier/settings.py"]


def test_another_value_in_a_file_with_known_ones_is_found(write: Write) -> None:
    root = write("tests/notifier/test_sms_receipts.py", f'SECRET = "{secrets.token_urlsafe(24)}"\n')

    assert found(root) == ["tests/notifier/test_sms_receipts.py"]


def test_file_found_clean_is_looked_at_again_once_it_changes(write: Write) -> None:
    write(".gitignore", "/var/\n")
    root = write("settings.ini", "key = none\n")
    clean = found(root)

    write("settings.ini", cloud_key())

    assert clean == []
    assert found(root) == ["settings.ini"]
    assert found(root) == ["settings.ini"]


def test_what_is_printed_does_not_hold_the_secret(write: Write) -> None:
    value = secrets.token_urlsafe(24)
    root = write("settings.yaml", f'smtp_password: "{value}"\n')

    lines = [str(finding) for finding in secret_scan.unknown(root)]

    assert lines
    assert value not in "".join(lines)


def test_every_known_value_is_still_where_it_is_said_to_be() -> None:
    known = Known.read(secret_scan.KNOWN.read_text())
    files = sorted({file for file, _ in known.pairs})

    there = {(finding.file, finding.value) for finding in secret_scan.findings(ROOT, files)}

    assert known.pairs - there == set()


def test_no_value_is_known_without_a_reason() -> None:
    with pytest.raises(ValueError, match="has no reason"):
        Known.read("- {files: [a.py], reason: '', values: [x]}")
