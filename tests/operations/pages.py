"""The pages for whoever is on call, taken apart: commands, statements, links, and what they name."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RUNBOOKS = DOCS / "runbooks"
INDEX = DOCS / "operations.md"
PAGES = (INDEX, DOCS / "personal-data.md", *sorted(RUNBOOKS.glob("*.md")))

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SEPARATORS = frozenset({"|", "||", "&&", ";", "(", ")", "&", "<", ">", ">>"})
FIRST_WORDS = frozenset(
    "kab sql ready errors logs metrics restart stop start scale python make docker kubectl identity verification"
    " billing-link notifier".split()
)
"""What a command begins with; another line of a block is no command, as a drawing."""
_BEGINS = re.compile(rf"\(?([A-Z_]+=\S+ )*({'|'.join(FIRST_WORDS)})( |$)")


@dataclass(frozen=True)
class Command:
    """One simple command: what stands between two signs of the shell's."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(page.read_text()) if found == language]


def is_command(line: str) -> bool:
    return _BEGINS.match(line) is not None


def inline(page: Path) -> list[str]:
    """What stands between backticks in running text."""
    return _INLINE.findall(_BLOCK.sub("", page.read_text()))


def commands(page: Path) -> Iterator[Command]:
    """Of the blocks, and of running text where it is a whole command."""
    for block in blocks(page, ""):
        for line in block.splitlines():
            if is_command(line):
                yield from _simple(page.name, line)
    for text in inline(page):
        if is_command(text) and " " in text and not re.search("…|PART|SERVICE", text):
            yield from _simple(page.name, text)


def _simple(page: str, line: str) -> Iterator[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _SEPARATORS:
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)  # a variable for this command alone
        if words and words[0] in FIRST_WORDS:
            yield Command(page, tuple(words))
        words = []


def links(page: Path) -> list[str]:
    return [target for target in _LINK.findall(_BLOCK.sub("", page.read_text())) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as a reader's browser knows them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page.name} has no section {heading}"
    return found[1]
