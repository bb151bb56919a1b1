"""Fail points: what a setting may say, what each act does, and that nothing happens where none is armed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from shared import failpoints
from shared.failpoints import FailPoint, Injected, arm, parse, point
from shared.settings import load
from tests.shared.test_settings import GOOD, RoomSettings


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm("")


@pytest.mark.parametrize(
    ("said", "armed"),
    [
        ("", {}),
        ("relay.fetched=kill", {"relay.fetched": FailPoint("kill")}),
        ("relay.fetched=kill@3", {"relay.fetched": FailPoint("kill", nth=3)}),
        ("relay.fetched=raise@1", {"relay.fetched": FailPoint("raise", nth=1)}),
        ("relay.fetched=delay:2.5", {"relay.fetched": FailPoint("delay", 2.5)}),
        (
            " consumer.polled=delay:1@2 , relay.marked=raise,",
            {"consumer.polled": FailPoint("delay", 1.0, 2), "relay.marked": FailPoint("raise")},
        ),
    ],
)
def test_setting_is_read(said: str, armed: dict[str, FailPoint]) -> None:
    assert parse(said) == armed


@pytest.mark.parametrize(
    "said",
    [
        *("relay.fetched", "relay.fetched=", "relay.fetched=burn", "relay.fetched=kill@0", "relay.fetched=kill@x"),
        *("relay.fetched=delay", "relay.fetched=delay:", "relay.fetched=kill:2", "relay.fetched=raise:1"),
        *("relay.fetched=delay:-1", "kill", "=kill", "relay.fetched=kill relay.marked=kill"),
    ],
)
def test_setting_of_another_form_is_refused_with_the_form(said: str) -> None:
    with pytest.raises(ValueError, match="fail points read point=kill, point=raise or point=delay:SECONDS"):
        parse(said)


def test_unknown_point_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no fail point relay\.fetch; there are .*relay\.fetched"):
        parse("relay.fetch=kill")


def test_nonsense_in_the_environment_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**GOOD, "ROOM_FAIL_POINTS": "relay.fetch=kill"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        load(RoomSettings)

    assert ended.value.code == 2
    assert "ROOM_FAIL_POINTS: there is no fail point relay.fetch" in capsys.readouterr().err


async def test_armed_point_raises_what_a_broken_connection_would() -> None:
    arm("relay.fetched=raise")

    for _ in range(2):
        with pytest.raises(ConnectionError) as raised:
            await point("relay.fetched")
        assert isinstance(raised.value, Injected)
    await point("relay.marked")


async def test_numbered_point_acts_at_that_passing_alone() -> None:
    arm("relay.fetched=raise@3")
    came: list[str] = []

    for _ in range(5):
        try:
            await point("relay.fetched")
            came.append("passed")
        except Injected:
            came.append("raised")

    assert came == ["passed", "passed", "raised", "passed", "passed"]


async def test_delay_lets_others_go_on_meanwhile() -> None:
    arm("relay.fetched=delay:0.2")
    begun = time.monotonic()

    delayed = asyncio.create_task(point("relay.fetched"))
    await point("relay.marked")

    assert time.monotonic() - begun < 0.15
    await delayed
    assert time.monotonic() - begun >= 0.2


async def test_kill_is_sigkill_of_the_process_itself() -> None:
    program = (
        "import asyncio; from shared import failpoints as f; f.arm('relay.fetched=kill@2');"
        "asyncio.run(f.point('relay.fetched')); print('once', flush=True); asyncio.run(f.point('relay.fetched'));"
        "print('twice')"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == -signal.SIGKILL
    assert said.splitlines()[-1] == b"once"


async def test_arming_anew_forgets_what_was_armed() -> None:
    arm("relay.fetched=raise")

    arm("")

    assert failpoints._armed == {}
    await point("relay.fetched")


def test_unarmed_point_costs_less_than_two_microseconds() -> None:
    """A hundredth of the cheapest await on a server; it never gives the loop away, so that it changes no order."""

    async def passing(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            await point("relay.fetched")
        return (time.perf_counter() - begun) / times

    assert failpoints._armed == {}, "armed by somebody else's setting"
    assert min(asyncio.run(passing(20_000)) for _ in range(5)) < 2e-6
