"""The house: who imports whom, what a room may not hold, how long a module may be."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "shared": ROOT / "shared/src/shared",
    "identity": ROOT / "services/identity/src/identity",
    "verification": ROOT / "services/verification/src/verification",
    "billing_link": ROOT / "services/billing-link/src/billing_link",
    "notifier": ROOT / "services/notifier/src/notifier",
    "portal": ROOT / "services/portal/src/portal",
}
MODULES = [file for folder in PACKAGES.values() for file in sorted(folder.rglob("*.py"))]
SERVICE_MODULES = [file for file in MODULES if "services" in file.parts]
DEPLOY = sorted((ROOT / "deploy").rglob("*.py"))
EVERYTHING = [*MODULES, *DEPLOY, *(ROOT / "tests").rglob("*.py")]
FORBIDDEN_NAMES = frozenset(
    "service services repository utils util helpers helper common base manager managers schemas exceptions errors"
    " models misc".split()
)
KERNEL_ONLY = {"service.py"}
"""`shared/service.py` is what a service is to the kernel, the one thing whose name it is."""


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-1000:]


def test_every_service_has_its_contract() -> None:
    drawn = (ROOT / "pyproject.toml").read_text()

    assert all(f'containers = ["{package}"]\nexhaustive = true' in drawn for package in PACKAGES if package != "shared")


def test_no_module_is_longer_than_300_lines() -> None:
    assert {named(file) for file in (*MODULES, *DEPLOY) if len(file.read_text().splitlines()) > 300} == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = {
        named(file)
        for file in MODULES
        if file.stem in FORBIDDEN_NAMES and not (file.name in KERNEL_ONLY and file.parent == PACKAGES["shared"])
    }

    assert found == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_typed(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()


def test_every_module_says_what_it_is() -> None:
    assert {
        named(file) for file in MODULES if (text := file.read_text()) and not ast.get_docstring(ast.parse(text))
    } == set()


def test_no_service_commits_by_itself() -> None:
    assert {named(file) for file in SERVICE_MODULES if re.search(r"\.(commit|rollback)\(", file.read_text())} == set()


def test_no_service_raises_bare_http_exceptions_or_swallows_everything() -> None:
    loose = re.compile(r"HTTPException|except( Exception| BaseException)?:")

    assert {named(file) for file in SERVICE_MODULES if loose.search(file.read_text())} == set()


@pytest.mark.parametrize("package", ["identity", "verification", "billing_link", "notifier"])
def test_rules_hold_no_await_session_or_clock(package: str) -> None:
    """Time comes in as an argument; a rule needs nothing but its arguments."""
    text = (PACKAGES[package] / "rules.py").read_text()
    tree = ast.parse(text)

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef)]
    assert "session: AsyncSession" not in text
    assert not re.search(r"\b(datetime\.now|date\.today|time\.time|monotonic)\(", text)


def test_use_cases_know_neither_http_nor_kafka() -> None:
    rooms = {"api", "api.py", "main.py", "pages", "web", "__main__.py", "reactions.py", "smtp.py", "sms_gateway.py"}
    use_cases = [file for file in SERVICE_MODULES if not rooms & set(file.parts)]

    assert {
        named(file) for file in use_cases if imported(file) & {"fastapi", "starlette", "aiokafka", "uvicorn"}
    } == set()


def imported(file: Path) -> set[str]:
    """The first names of whatever the module imports."""
    return {name for node in ast.walk(ast.parse(file.read_text())) for name in _imports(node)}


def _imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return set()


def test_nothing_is_left_to_be_done() -> None:
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")

    assert {named(file) for file in EVERYTHING if marks.search(file.read_text())} == set()
