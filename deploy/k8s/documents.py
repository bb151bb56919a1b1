"""YAML as the made files hold it: a line that says from what, then the documents."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

Document = Mapping[str, Any]


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, and nothing is abbreviated by anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def text(source: str, documents: Iterable[Document]) -> str:
    """`source` names what they are made from."""
    written = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=160)
    return f"# Made by `make manifests` from {source}: change that, not this.\n{written}"
