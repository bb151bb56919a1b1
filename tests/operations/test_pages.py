"""The pages for whoever is on call say nothing that is not there: commands, statements, figures, log lines, links."""

import re
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
import yaml
from typer.core import TyperGroup
from typer.exceptions import TyperException

from billing_link.__main__ import app as billing_link
from billing_link.settings import BillingLinkSettings
from identity.__main__ import app as identity
from identity.settings import IdentitySettings
from notifier.__main__ import app as notifier
from notifier.settings import NotifierSettings
from portal.settings import PortalSettings
from tests.kit import Databases
from tests.operations.pages import (
    INDEX,
    PAGES,
    ROOT,
    RUNBOOKS,
    Command,
    anchors,
    blocks,
    commands,
    inline,
    is_command,
    links,
    section,
)
from verification.__main__ import app as verification
from verification.settings import VerificationSettings

PROGRAMS = {
    name: typer.main.get_command(app)
    for name, app in (
        ("identity", identity),
        ("verification", verification),
        ("billing-link", billing_link),
        ("notifier", notifier),
    )
}
SETTINGS = (IdentitySettings, VerificationSettings, BillingLinkSettings, NotifierSettings, PortalSettings)
PARTS = frozenset({"portal", *(f"{name}-{part}" for name in PROGRAMS for part in ("api", "worker"))})
SOURCES = [file for folder in ("shared/src", "services") for file in sorted((ROOT / folder).rglob("*.py"))]
ALL = [command for page in PAGES for command in commands(page)]
OF_A_PART = ("logs", "metrics", "restart", "scale")
OF_A_SERVICE = ("stop", "start", "sql")


@cache
def source() -> str:
    return "\n".join(file.read_text() for file in SOURCES)


def of(*first: str) -> list[Command]:
    return [command for command in ALL if command.words[0] in first]


def parsed(program: Any, name: str, arguments: list[str]) -> None:
    """As the program itself would read them, down to the command that would run; nothing runs."""
    context = program.make_context(name, list(arguments))
    while isinstance(program, TyperGroup):
        found, chosen, rest = program.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None, rest
        assert chosen is not None, found
        program, context = chosen, chosen.make_context(found, rest, parent=context)


@pytest.mark.parametrize("command", of("kab", *PROGRAMS), ids=str)
def test_program_takes_its_command(command: Command) -> None:
    name, *arguments = command.words[1:] if command.words[0] == "kab" else command.words

    parsed(PROGRAMS[name], name, arguments)


@pytest.mark.parametrize("words", [("identity", "users", "shwo", "x"), ("identity", "outbox", "drop", "4711")])
def test_wrong_command_would_be_found(words: tuple[str, ...]) -> None:
    with pytest.raises(TyperException):
        parsed(PROGRAMS[words[0]], words[0], list(words[1:]))


@pytest.mark.parametrize("command", of(*OF_A_PART, *OF_A_SERVICE, "ready"), ids=str)
def test_word_of_the_hand_is_given_something_that_is_there(command: Command) -> None:
    word, *arguments = command.words

    if word in OF_A_PART:
        assert arguments[0] in PARTS
    elif word in OF_A_SERVICE:
        assert arguments[0] in PROGRAMS
    else:
        assert not arguments or arguments[0] in PARTS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_can_be_pasted_into_a_shell(page: Path) -> None:
    pasted = "\n".join(block for block in blocks(page, "") if any(is_command(line) for line in block.splitlines()))

    checked = subprocess.run(["bash", "-n"], input=pasted, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_both_hands_know_every_word() -> None:
    words = {command.words[0] for command in ALL} - {"python", "make", "docker", "kubectl", *PROGRAMS}

    for hand in ("compose.sh", "kubernetes.sh"):
        told = subprocess.check_output(["bash", "-c", f". {ROOT}/deploy/oncall/{hand}; declare -F"], text=True)
        assert words <= set(re.findall(r"^declare -f (\w+)$", told, re.MULTILINE)), hand


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_make_has_the_target(command: Command) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [word for word in command.words[1:] if "=" not in word and word not in targets] == []
    if (only := re.search(r"ARGS=--only (.+)", " ".join(command.words))) is not None:
        scenarios = [name for name, _ in import_module("tests.chaos.__main__").SCENARIOS]
        assert set(only[1].split()) <= set(scenarios)


@pytest.mark.parametrize("command", of("python"), ids=str)
def test_module_takes_its_arguments(command: Command) -> None:
    assert command.words[1] == "-m"
    module, arguments = command.words[2], command.words[3:]
    assert find_spec(module) is not None

    if module in ("deploy.rotating", "tests.operations"):
        import_module(f"{module}.__main__" if module == "tests.operations" else module).parser().parse_args(arguments)


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


@pytest.mark.parametrize("command", of("docker"), ids=str)
def test_compose_has_the_service(command: Command) -> None:
    if command.words[1] != "compose":
        return
    of_options = ("--tail", "--since", "--volume")
    rest = [
        word
        for before, word in zip(command.words[2:], command.words[3:], strict=False)
        if not word.startswith("-") and before not in of_options
    ]

    # The scripts' own list is held to the compose file in test_oncall.
    assert not rest or rest[0] in {*composed(), "$KAB_PARTS"}, f"{rest[0]} is no service"


async def test_statements_can_be_run(statements_on: dict[str, asyncpg.Connection]) -> None:
    tried = of("sql")

    for command in tried:
        try:
            await statements_on[command.words[1]].prepare(command.words[2])
        except asyncpg.PostgresError as problem:
            pytest.fail(f"{command}: {problem}")
    assert len(tried) > 20


@pytest.fixture
async def statements_on(databases: Databases) -> AsyncIterator[dict[str, asyncpg.Connection]]:
    """A connection to each service's database as today's migrations leave it."""
    urls = {name: await databases.migrated(name.replace("-", "_")) for name in PROGRAMS}
    opened = {name: await asyncpg.connect(url) for name, url in urls.items()}
    yield opened
    for name, connection in opened.items():
        await connection.close()
        await databases.drop(urls[name])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = {text for text in inline(page) if re.fullmatch(r"(deploy|docs|tests|shared|services)/[\w./-]+\w", text)}

    assert {text for text in named if not (ROOT / text).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_metrics_that_are_named_are_told(page: Path) -> None:
    told = set(re.findall(r'"(kabinet_[a-z_]+)"', source()))
    named = set(re.findall(r"\bkabinet_[a-z_]+\b", page.read_text()))
    parts = {f"{name}{end}" for name in told for end in ("_bucket", "_sum", "_count")}

    beginnings = {name for name in named if re.search(rf"grep [^\n]*\b{name}", page.read_text())}
    assert named - told - parts - beginnings == set()
    assert {name for name in beginnings if not any(one.startswith(name) for one in told)} == set()


def said_at(*levels: str) -> set[str]:
    """`say` is a logger's method that is chosen by what happened, error the worst of them."""
    called = rf"\b(?:_log\.(?:{'|'.join(levels)})|say)"
    return set(re.findall(rf'{called}\(\s*"([a-z]+(?:_[a-z]+)+)"', source()))


def test_every_line_that_wants_a_person_is_in_the_index_and_no_other() -> None:
    named = {
        name
        for row in section(INDEX, "What the log says").splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    }

    assert named == said_at("error", "critical")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_log_lines_that_are_searched_for_are_written(page: Path) -> None:
    written = said_at("info", "warning", "error", "critical") | {"starting", "stopping", "stopped", "interrupted"}
    sought = [
        word
        for line in "\n".join(blocks(page, "")).splitlines()
        if re.match(r"(logs|errors) ", line)
        for pattern in re.findall(r"grep (?:-E |-v )?('[^']*'|\w+)", line)
        for word in re.findall(r"[a-z]+(?:_[a-z]*)+", pattern)
    ]

    assert [word for word in sought if not any(word.strip("_") in one for one in written)] == []


def test_readiness_names_what_the_index_says() -> None:
    told = {
        name
        for row in section(INDEX, "What readiness names").splitlines()[2:]
        for name in re.findall(r"`([a-z_]+)`", row.split("|")[1] if row else "")
    }
    kernel = (ROOT / "shared/src/shared/service.py").read_text() + (ROOT / "shared/src/shared/worker.py").read_text()
    watching = "\n".join(file.read_text() for file in SOURCES if file.name == "watching.py")
    own = re.findall(r"return (\{\"[a-z_]+\": [a-z_]+(?:, \"[a-z_]+\": [a-z_]+)*\})", watching)
    checks = re.findall(r'"([a-z_]+)": (?:readiness\.\w+_check|watch\.check)', kernel)

    assert told == {"redis", *checks, *re.findall(r'"([a-z_]+)":', " ".join(own))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_are_named_are_read(page: Path) -> None:
    known = {
        f"{settings.model_config['env_prefix']}{field}".upper()
        for settings in SETTINGS
        for field in (*settings.model_fields, "secrets_dir")
    }
    prefixes = "|".join(str(settings.model_config["env_prefix"]) for settings in SETTINGS)
    named = set(re.findall(rf"\b(?:{prefixes})[A-Z_]+\b", page.read_text()))

    assert named - known == set()


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/observability/rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_every_alert_has_its_page_and_its_row() -> None:
    rows = re.findall(r"\| \[(\w+)\]\((runbooks/[\w-]+\.md)\) \| (\w+) \|", INDEX.read_text())

    expected = [(rule["alert"], rule["annotations"]["runbook_url"], rule["labels"]["severity"]) for rule in rules()]
    assert [(alert, f"docs/{page}", severity) for alert, page, severity in rows] == expected
    for alert, page, _ in expected:
        assert (ROOT / page).read_text().startswith(f"# {alert}\n"), page


def test_every_page_of_an_alert_says_what_people_notice_where_to_look_what_to_do_and_when_it_is_over() -> None:
    for rule in rules():
        page = ROOT / rule["annotations"]["runbook_url"]
        assert {"look", "do", "over-when", "wake"} <= anchors(page), page.name
        assert 20 <= len(page.read_text().splitlines()) <= 60, page.name


def test_every_page_is_reached_from_the_index() -> None:
    reached, todo = set[Path](), [INDEX]
    while todo:
        page = todo.pop()
        if page not in reached and page in PAGES:
            reached.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]

    assert set(RUNBOOKS.glob("*.md")) <= reached
