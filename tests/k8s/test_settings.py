"""Each program starts with what its pod gives it: its settings are really loaded from there."""

import base64
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.environment import SERVICES, database_name, prefix
from shared.settings import HttpSettings, load, variable
from shared.topics import read
from tests.k8s.rendering import ROOT, Document, Overlay, Pod

SECRET = "a-password-of-a-test-0123"


def settings_of(service: str) -> type[HttpSettings]:
    module = import_module(f"{database_name(service)}.settings")
    found: type[HttpSettings] = next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, HttpSettings) and each.service == service
    )
    return found


def environment(overlay: Overlay, pod: Pod) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in pod.spec["containers"][0]["envFrom"]:
        found |= overlay.one("ConfigMap", one["configMapRef"]["name"])["data"]
    return found


def mounted(overlay: Overlay, pod: Pod, root: Path) -> dict[str, Path]:
    """Where the pod's folders are, each written below `root` with a file for every key that its secrets bring."""
    places = {}
    for mount in pod.spec["containers"][0]["volumeMounts"]:
        volume = next(each for each in pod.spec["volumes"] if each["name"] == mount["name"])
        place = root / mount["mountPath"].lstrip("/")
        place.mkdir(parents=True)
        for source in volume.get("projected", {}).get("sources", [volume]):
            for name, content in secret_files(overlay, source.get("secret")).items():
                (place / name).write_text(content)
        places[mount["mountPath"]] = place
    return places


def secret_files(overlay: Overlay, secret: Document | None) -> dict[str, str]:
    if secret is None:
        return {}
    name = secret.get("secretName") or secret["name"]
    if "items" in secret:  # made by an operator, which is not here
        return {item["path"]: SECRET for item in secret["items"]}
    if overlay.name == "dev":
        return dict.fromkeys(overlay.one("Secret", name)["data"], "") | _decoded(overlay.one("Secret", name))
    spec = overlay.one("ExternalSecret", name)["spec"]
    template: Mapping[str, str] = spec["target"].get("template", {}).get("data", {})
    if not template:
        return {each["secretKey"]: "{}" for each in spec["data"]}
    found = {}
    for file, content in template.items():
        for each in spec["data"]:
            for form in (f"{{{{ .{each['secretKey']} }}}}", f"{{{{ .{each['secretKey']} | urlquery }}}}"):
                content = content.replace(form, SECRET)
        assert "{{" not in content, f"{name} {file}: {content}"
        found[file] = content
    return found


def _decoded(secret: Document) -> dict[str, str]:
    return {name: base64.b64decode(content).decode() for name, content in secret["data"].items()}


def programs(overlay: Overlay, service: str) -> list[Pod]:
    return [pod for pod in overlay.pods() if pod.labels.get("app.kubernetes.io/name") == service]


@pytest.mark.parametrize("service", SERVICES)
def test_every_program_loads_its_settings(
    overlay: Overlay, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = settings_of(service)
    found = programs(overlay, service)
    assert len(found) == (1 if service == "portal" else 3)
    for pod in found:
        given = environment(overlay, pod)
        places = mounted(overlay, pod, tmp_path / pod.name)
        for name in given:
            assert name == variable(form, "secrets_dir") or name in known(form), f"{pod.name}: {name} is no setting"
            monkeypatch.setenv(name, moved(given[name], places))

        settings: Any = load(form)

        files = {file.name for file in places["/run/kabinet/secrets"].iterdir()}
        assert {name.upper() for name in files} <= known(form), pod.name
        assert settings.public_keys_file.exists()
        assert settings.private_keys_file.exists()
        assert settings.http_host == "0.0.0.0"
        if "migrate" not in pod.name:
            assert settings.trusted_proxies, pod.name
            port = settings.worker_port if "worker" in pod.name else settings.http_port
            assert list(pod.ports.values()) == [port]
        for name in given:
            monkeypatch.delenv(name)


def known(form: type[HttpSettings]) -> set[str]:
    return {variable(form, name) for name in form.model_fields}


def moved(value: str, places: Mapping[str, Path]) -> str:
    """A path in the pod as it is here."""
    for path, place in places.items():
        if value == path or value.startswith(f"{path}/"):
            return str(place) + value.removeprefix(path)
    return value


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "portal"])
def test_production_speaks_to_kafka_and_postgres_by_certificates(
    production: Overlay, service: str, tmp_path: Path
) -> None:
    for kind in ("api", "worker"):
        pod = production.pod(f"{service}-{kind}")
        given = environment(production, pod)
        places = mounted(production, pod, tmp_path / kind)

        assert given[f"{prefix(service)}KAFKA_BOOTSTRAP_SERVERS"] == "kabinet-kafka-bootstrap:9093"
        for name in ("KAFKA_CA_FILE", "KAFKA_CERTIFICATE_FILE", "KAFKA_KEY_FILE"):
            assert Path(moved(given[prefix(service) + name], places)).exists()
        url = (places["/run/kabinet/secrets"] / f"{database_name(service)}_database_url").read_text()
        address, _, options = url.partition("?")
        assert address.endswith(f"@{service}-db-rw:5432/{database_name(service)}")
        assert dict(option.split("=") for option in options.split("&"))["sslmode"] == "verify-full"
        authority = dict(option.split("=") for option in options.split("&"))["sslrootcert"]
        assert Path(moved(authority, places)).exists()


def test_the_services_of_the_portal_are_where_it_looks(overlay: Overlay) -> None:
    given = environment(overlay, overlay.pod("portal"))

    for service in SERVICES:
        if service != "portal":
            port = overlay.one("Service", f"{service}-api")["spec"]["ports"][0]["port"]
            assert given[f"PORTAL_{prefix(service)}URL"] == f"http://{service}-api:{port}"


def test_hashing_takes_as_many_cores_as_its_container_has(overlay: Overlay) -> None:
    pod = overlay.pod("identity-api")

    cores = int(pod.spec["containers"][0]["resources"]["limits"]["cpu"])

    assert environment(overlay, pod)["IDENTITY_HASHES_AT_ONCE"] == str(cores)


def test_the_images_own_list_of_topics_is_taken(overlay: Overlay) -> None:
    """It stands at the settings' default place in the image; the topics here are made from the same file."""
    for service in SERVICES:
        for pod in programs(overlay, service):
            assert f"{prefix(service)}TOPICS_FILE" not in environment(overlay, pod)
    assert read(ROOT / "deploy/topics.yaml").topics.keys() >= {
        each["metadata"]["name"] for each in overlay.of("KafkaTopic")
    }
