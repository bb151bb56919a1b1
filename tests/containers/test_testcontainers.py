"""The suites on the engine's servers, as `KABINET_CONTAINERS=1 make test` takes them."""

import os
import subprocess
import sys

from tests.containers.compose_file import ROOT
from tests.containers.conftest import Measured
from tests.containers.engine import FOLDER, Engine
from tests.containers.stand_ins import provide

SUITES = ("tests/shared/test_outbox.py", "tests/shared/test_consumer.py", "tests/verification/test_codes.py")
HEADER = "servers: postgres (containers), redis (containers), kafka (containers)"


def test_suites_pass_on_the_servers_of_containers(docker: Engine, measured: Measured) -> None:
    provide(docker, FOLDER)
    asked = {"KABINET_CONTAINERS": "1", "TESTCONTAINERS_RYUK_DISABLED": "true"}  # its image is not had everywhere
    named = {"KABINET_POSTGRES_URL", "KABINET_REDIS_URL", "KABINET_KAFKA"}
    environment = {name: value for name, value in os.environ.items() if name not in named}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SUITES],
        env={**environment, **docker.environment, **asked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert HEADER in done.stdout
    assert done.returncode == 0, done.stdout[-3000:]
    measured.add(f"# Suites on containers\n- {done.stdout.splitlines()[-1]}")
    assert not docker.docker("ps", "-q", "--filter", "label=org.testcontainers=true").strip(), "left running"
