"""The job that makes the topics, on a real broker."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from deploy.compose import topics as job
from deploy.embedded import topics
from deploy.embedded.ports import free_port
from shared.topics import Topic

SEVEN_DAYS = Topic("topics-job.events", "identity", 3, 7)


def file(folder: Path, *named: Topic) -> Path:
    (made := folder / "topics.yaml").write_text(yaml.safe_dump({"topics": list(map(asdict, named)), "readers": {}}))
    return made


async def run(*arguments: str | Path) -> tuple[int, list[str]]:
    """The job's exit code, and what it complained of."""
    command: Sequence[str | Path] = [sys.executable, "-m", "deploy.compose.topics", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _out, complaints = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [line for line in complaints.decode().splitlines() if "topic" in line.lower()]


async def test_topics_that_are_as_the_file_says_end_it_well(kafka: str) -> None:
    code, complaints = await run(kafka)

    assert (code, complaints) == (0, [])


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        (Topic("topics-job.events", "identity", 3, 1), "topics-job.events is kept 7 days, not 1 days"),
        (Topic("topics-job.events", "identity", 6, 7), "topics-job.events has 3 partitions, not 6"),
    ],
    ids=["retention", "partitions"],
)
async def test_a_topic_that_differs_is_told_and_left_alone(
    kafka: str, tmp_path: Path, differing: Topic, told: str
) -> None:
    await topics.create(kafka, [SEVEN_DAYS])

    code, complaints = await run(kafka, "--file", file(tmp_path, differing))

    assert code == 1
    assert complaints[0] == told
    assert await job.make(kafka, 1, 30, file(tmp_path, SEVEN_DAYS)) == []


async def test_a_broker_that_stays_away_ends_it_with_its_address() -> None:
    nobody = f"127.0.0.1:{free_port()}"

    code, complaints = await run(nobody, "--seconds", "1")

    assert code == 1
    assert any(nobody in line for line in complaints)
