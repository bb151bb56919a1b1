"""The embedded set as a whole, without the services: order, supervision, settings, end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import monotonic

import psutil
import pytest
import pytest_asyncio

from deploy.embedded.children import CannotStart
from deploy.embedded.environment import PORTS
from deploy.embedded.launcher import ROOT, EmbeddedSet, answers
from deploy.embedded.ports import PortTaken, free_ports
from deploy.embedded.servers import OWN_PORTS


@pytest.fixture(scope="module", autouse=True)
def no_servers_of_the_users_own() -> Iterator[None]:
    """These tests are about the set's own servers."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in OWN_PORTS:
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the set of this module told the person who started it."""
    return []


@pytest_asyncio.fixture(scope="module")
async def kabinet(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> AsyncIterator[EmbeddedSet]:
    folder = tmp_path_factory.mktemp("a set")
    async with EmbeddedSet(folder, free_ports=True, services=(), say=said.append) as running:
        yield running


async def wait_until(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.05)


def tree(kabinet: EmbeddedSet) -> set[int]:
    tops = [psutil.Process(process.pid) for process in kabinet.processes() if process.name != "launcher"]
    return {process.pid for top in tops for process in [top, *top.children(recursive=True)]}


async def test_settings_file_is_the_owners_and_a_shell_reads_it(kabinet: EmbeddedSet) -> None:
    file = kabinet.folder / "env"
    command = f'set -a; . "{file}"; echo "$KAFKA_BOOTSTRAP_SERVERS $NOTIFIER_RETAILER_NAME_RU"'

    shell = await asyncio.to_thread(subprocess.run, ["sh", "-c", command], capture_output=True, text=True, check=True)

    assert file.stat().st_mode & 0o777 == 0o600
    assert shell.stdout == f"127.0.0.1:{kabinet.ports['kafka']} Энергосбыт\n"


async def test_end_leaves_no_process_and_no_settings_file_behind(tmp_path: Path) -> None:
    async with EmbeddedSet(tmp_path, free_ports=True, services=()) as kabinet:
        pids = tree(kabinet)
        names = {process.name for process in kabinet.processes()}

    assert names == {"launcher", "postgres", "redis", "kafka", "mailbox"}
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not (tmp_path / "env").exists()


async def test_killed_parts_are_started_again(kabinet: EmbeddedSet, said: list[str]) -> None:
    killed = {name: kabinet.child(name).pid or 0 for name in ("redis", "mailbox")}

    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    await wait_until(lambda: all(kabinet.child(name).pid != pid for name, pid in killed.items()))
    await wait_until(lambda: answers(kabinet.mailbox_url))
    for name in killed:
        assert any(line.startswith(f"{name} ended (killed by SIGKILL)") for line in said)
        assert any(line.startswith(f"{name} is started again") for line in said)


async def test_paused_kafka_stays_down_until_it_is_resumed_on_its_port(kabinet: EmbeddedSet) -> None:
    address = ("127.0.0.1", kabinet.ports["kafka"])

    await kabinet.pause_kafka()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=2)
    await kabinet.resume_kafka()
    socket.create_connection(address, timeout=2).close()


async def test_second_launcher_on_the_folder_is_refused_and_harms_nothing(kabinet: EmbeddedSet) -> None:
    with pytest.raises(CannotStart, match=f"runs in .* already .pid {os.getpid()}"):
        await EmbeddedSet(kabinet.folder, free_ports=True, services=()).start()

    assert (kabinet.folder / "env").exists()
    assert kabinet.child("redis").running


async def test_taken_port_is_named_with_the_variable_that_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("KABINET_MAILBOX_PORT", str(port))

        with pytest.raises(PortTaken, match=f"Port {port} .mailbox. is taken.*KABINET_MAILBOX_PORT="):
            await EmbeddedSet(tmp_path, services=()).start()


async def test_killed_launcher_takes_its_children_along(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells a child of its parent's death")
    script = (
        "import asyncio, sys; from pathlib import Path; from deploy.embedded.launcher import EmbeddedSet\n"
        "async def run():\n"
        "    async with EmbeddedSet(Path(sys.argv[1]), free_ports=True, services=()):\n"
        "        print('up', flush=True); await asyncio.sleep(600)\n"
        "asyncio.run(run())"
    )
    launcher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert launcher.stdout
    assert await launcher.stdout.readline() == b"up\n"
    pids = {process.pid for process in psutil.Process(launcher.pid).children(recursive=True)}

    launcher.kill()
    await launcher.wait()

    assert len(pids) >= 4
    await wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


async def test_start_that_is_interrupted_ends_in_order_and_leaves_nothing(tmp_path: Path) -> None:
    ports = zip((variable for variable, _ in PORTS.values()), map(str, free_ports(len(PORTS))), strict=True)
    launcher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.embedded", "up", "--folder", str(tmp_path)),
        cwd=ROOT,
        env={**os.environ, **dict(ports)},
        stdout=asyncio.subprocess.PIPE,
    )
    started = psutil.Process(launcher.pid)
    await wait_until(lambda: len(started.children()) >= 2)
    pids = {process.pid for process in started.children(recursive=True)}

    launcher.send_signal(signal.SIGTERM)
    said, _ = await launcher.communicate()

    assert launcher.returncode == 0
    assert b"Stopped." in said
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
