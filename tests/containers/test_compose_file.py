"""docker-compose.yml: its form, and what no container in it may do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.compose import prepare
from deploy.embedded.environment import PORTS, SERVICES, WITH_DATABASE, database_name, prefix
from tests.containers.compose_file import FILE, ROOT, Part, environment, jobs, networks, parts, secrets, whole

SECRET_WORDS = re.compile(r"PASSWORD|TOKEN|SECRET|PRIVATE|DATABASE_URL|REDIS_URL")
OURS = re.compile(rf"({'|'.join(SERVICES)})(?:-(migrate|api|worker))?")
PROBED = re.compile(r"healthy\.py.*?(\d+)")

everything = pytest.mark.parametrize("part", [pytest.param(part, id=name) for name, part in parts().items()])


def ours() -> dict[str, tuple[str, Part]]:
    """The containers of our services, each with its service's name."""
    found = {name: OURS.fullmatch(name) for name in parts()}
    return {name: (match[1], parts()[name]) for name, match in found.items() if match}


def test_the_file_has_the_form_of_compose() -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", FILE]

    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@everything
def test_a_container_has_limits(part: Part) -> None:
    assert part["mem_limit"]
    assert part["cpus"]
    assert part["pids_limit"]
    assert part["logging"]["options"]["max-size"]


@everything
def test_a_container_may_do_no_more_than_a_program_needs(part: Part) -> None:
    assert part["cap_drop"] == ["ALL"]
    assert part["read_only"] is True
    assert "no-new-privileges:true" in part["security_opt"]
    assert "/tmp" in part["tmpfs"]
    assert not part.keys() & {"cap_add", "privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"}
    assert not any("docker.sock" in str(volume) for volume in part.get("volumes", []))


@everything
def test_an_image_is_of_one_release(part: Part) -> None:
    name, _, tag = part["image"].partition(":")

    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)*", tag) or (name.startswith("kabinet/") and tag == "dev")
    assert "." not in name.partition("/")[0], "the engine decides on the registry"


@everything
def test_what_is_mounted_of_the_checkout_cannot_be_written(part: Part) -> None:
    mounted = [volume for volume in part.get("volumes", []) if volume.startswith(".")]

    assert all(volume.endswith(":ro") for volume in mounted)
    assert all((ROOT / volume.split(":")[0]).exists() for volume in mounted)


def test_what_stays_up_tells_whether_it_is_well() -> None:
    silent = {name for name, part in parts().items() if name not in jobs() and "healthcheck" not in part}

    assert silent == {"jaeger"}, "its image holds no program that could ask; nothing waits for it"


def test_ports_are_open_to_this_machine_alone() -> None:
    published = {name: part["ports"] for name, part in parts().items() if "ports" in part}

    assert published.keys() == {"gateway", "mailbox", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_only_what_a_person_looks_at_stands_on_a_network_with_a_way_out() -> None:
    outward = {name for name, network in whole()["networks"].items() if not (network or {}).get("internal")}

    assert outward == {"edge"}
    assert {name for name, part in parts().items() if "edge" in networks(part)} == {"gateway", "mailbox", "grafana"}


def test_a_store_is_reached_by_those_that_keep_something_in_it() -> None:
    def on(network: str) -> set[str]:
        return {name for name, part in parts().items() if network in networks(part)}

    with_database = {name for name, (service, _part) in ours().items() if service in WITH_DATABASE}
    assert on("database") == {"postgres"} | with_database
    assert on("backbone") == {"kafka", "topics"} | {name for name in with_database if not name.endswith("-migrate")}
    assert on("memory") == {"redis", "portal", "verification-api", "verification-worker"}


def test_jobs_come_to_their_end_before_what_needs_them_starts() -> None:
    done = {"condition": "service_completed_successfully"}
    for service in WITH_DATABASE:
        waits = {kind: parts()[f"{service}-{kind}"]["depends_on"] for kind in ("migrate", "api", "worker")}
        assert waits["migrate"] == {"postgres": {"condition": "service_healthy"}}
        assert waits["api"][f"{service}-migrate"] == done
        assert waits["worker"][f"{service}-migrate"] == done
        assert waits["worker"]["topics"] == done
    assert jobs().keys() == {"topics", *(f"{service}-migrate" for service in WITH_DATABASE)}


def test_a_health_check_asks_the_port_of_its_program() -> None:
    for name, (service, part) in ours().items():
        if name not in jobs():
            asked = PROBED.search(" ".join(part["healthcheck"]["test"]))
            assert asked is not None
            assert int(asked[1]) == PORTS[service][1] + 1000 * name.endswith("-worker")


def test_secrets_are_files() -> None:
    for name, part in parts().items():
        values = {variable: value for variable, value in environment(part).items() if SECRET_WORDS.search(variable)}
        assert all(value.startswith("/run/secrets") for value in values.values()), name
    assert all(str(secret["file"]).startswith("var/compose/") for secret in whole()["secrets"].values())
    assert not (ROOT / ".env").exists()


def test_a_service_sees_its_own_secrets_alone() -> None:
    for service, part in ours().values():
        own = database_name(service)
        foreign = {name for name in secrets(part) if not name.startswith(f"{own}_")} - {"public_keys"}
        assert not foreign, service


def test_every_secret_is_made_before_the_start(tmp_path: Path) -> None:
    prepare.prepare(tmp_path)

    for name, secret in whole()["secrets"].items():
        made = tmp_path / Path(secret["file"]).relative_to("var/compose")
        assert made.is_file(), name
    used = {source for part in parts().values() for source in secrets(part).values()}
    assert used == whole()["secrets"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_and_secret_of_a_service_is_a_setting(service: str) -> None:
    module = __import__(f"{database_name(service)}.settings", fromlist=["settings"])
    [settings] = [
        found
        for name, found in vars(module).items()
        if name.endswith("Settings") and found.__module__ == module.__name__
    ]
    known = set(settings.model_fields) | {"secrets_dir"}
    for name, (whose, part) in ours().items():
        if whose == service:
            told = {variable.removeprefix(prefix(service)).lower() for variable in environment(part)}
            kept = {secret.removeprefix(f"{database_name(service)}_") for secret in secrets(part)}
            files = {"public_keys", "private_keys"}  # named by variables, as paths
            assert told | (kept - files) <= known, name
            assert {environment(part)[f"{prefix(service)}{file.upper()}_FILE"].split("/")[-1] for file in files} == {
                "public_keys",
                f"{database_name(service)}_private_keys",
            }


def test_whom_services_believe_about_addresses_is_the_network_of_the_proxies() -> None:
    [subnet] = whole()["networks"]["inside"]["ipam"]["config"]
    default = re.compile(r"\$\{KABINET_SUBNET:-([^}]+)\}")
    for service, part in ours().values():
        told = default.fullmatch(environment(part)[f"{prefix(service)}TRUSTED_PROXIES"])
        assert told is not None
        assert told[1] == subnet["subnet"]
