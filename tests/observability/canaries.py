"""After every run: the logs of all programs that any test started hold no contact and no token (promise 21).

Whatever a test is about, the people in it have Russian phones, addresses and tokens of the forms below.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_OURS = r"energosbyt\.example"
"""The retailer's own addresses are nobody's."""
_PERSONAL = re.compile(
    r"(?<![\w.+-])(?:\+7|7|8)9\d{9}(?![\w.-])"
    rf"|[\w.+-]+@(?!{_OURS})[\w-]+(?:\.[\w-]+)*\.[a-z]{{2,}}"
    r"|\beyJ[A-Za-z0-9_-]{20,}"
    r"|/[crv]/[A-Za-z0-9_-]{32,}"
)
_FOUND = pytest.StashKey[list[str]]()


def personal(text: str) -> list[str]:
    """What looks like a phone, an address, a token or a link with one."""
    return _PERSONAL.findall(text)


def lines_with_somebody(folder: Path) -> Iterator[str]:
    for log in sorted(folder.rglob("logs/*.log")):
        for number, line in enumerate(log.read_text(errors="replace").splitlines(), 1):
            if found := personal(line):
                yield f"{log}:{number}: {found[0]}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of all workers at once; a finding fails the run."""
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    if factory is None or hasattr(session.config, "workerinput"):
        return
    session.config.stash[_FOUND] = found = list(lines_with_somebody(factory.getbasetemp()))
    if found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash.get(_FOUND, []):
        terminalreporter.section("somebody in the logs", red=True)
        terminalreporter.write_line("\n".join(found[:20]))
