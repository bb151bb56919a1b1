"""Events between releases: the program of the release before reads what today's says, and its forms are committed."""

import asyncio
import json
import sys
from typing import Any

from deploy.events import samples, wire
from deploy.events.wire import breaks
from shared.events import decode, encode
from tests.releases.release import ROOT, Release

FORMS = "import json; from deploy.events import wire as w; print(json.dumps([*map(w.form_of, w.classes().values())]))"
READ = """
import json, sys
import shared.contracts
from shared.events import REGISTRY, decode, encode

for line in sys.stdin:
    headers, data = json.loads(line)
    raw = [(name, value.encode()) for name, value in headers.items()]
    event = decode(raw, json.dumps(data).encode(), REGISTRY[headers["ce_type"]])
    again, value = encode(event, event.sealed, headers["ce_traceparent"])
    print(json.dumps([event.key, again, json.loads(value)]))
"""


async def run(release: Release, program: str, fed: str = "") -> str:
    """What a program says on that release's kernel."""
    environment = {"PYTHONPATH": f"{release.folder}:{ROOT}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env=environment,
        cwd="/",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(fed.encode()), 60)
    assert process.returncode == 0
    return said.decode()


def said_today(with_more: dict[str, Any]) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Key, headers and data of each golden sample as today's class writes it, and fields of a release to come."""
    found = []
    for file in sorted(samples.FOLDER.glob("*.json")):
        sample = json.loads(file.read_text())
        raw = [(name, value.encode()) for name, value in sample["headers"].items()]
        event = decode(raw, json.dumps(sample["data"]).encode(), wire.classes()[samples.type_of(file)])
        headers, value = encode(event, event.sealed, samples.TRACEPARENT)
        found.append((event.key, headers, json.loads(value) | with_more))
    return found


async def test_forms_of_the_release_before_are_kept(before: Release) -> None:
    """Whoever rewrites a committed form by hand is told by the release itself."""
    committed = wire.released()

    forms = json.loads(await run(before, FORMS))

    assert len(forms) == 26
    assert [line for form in forms for line in breaks(form, committed.get(form["type"]))] == []


async def test_release_before_reads_what_todays_says(before: Release) -> None:
    more = {"came_later": {"with": ["anything", 1]}}
    known = {form["type"]: form["data"]["properties"] for form in json.loads(await run(before, FORMS))}
    said = [one for one in said_today(more) if one[1]["ce_type"] in known]

    read = await run(before, READ, "".join(json.dumps([headers, data]) + "\n" for _, headers, data in said))

    expected = []
    for key, headers, data in said:
        fields = {name: data[name] for name in data if name in known[headers["ce_type"]] or name == "sealed"}
        expected.append([key, headers, fields])
    assert [json.loads(line) for line in read.splitlines()] == expected
    assert len(expected) >= 26
