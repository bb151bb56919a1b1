"""What the contracts say to people: the docstring of each event class, and the strings under its fields."""

import ast
import inspect
from functools import cache
from types import ModuleType

from shared.events import Event


def summary(event: type[Event]) -> str:
    """The class's own docstring in one line; empty where it has none (a base's does not count)."""
    return " ".join(inspect.cleandoc(event.__dict__.get("__doc__") or "").split())


def about_field(event: type[Event], name: str) -> str:
    """The string under the field, in the class that declares it; empty where there is none."""
    for declares in event.__mro__:
        if name in inspect.get_annotations(declares):
            return _under_fields(inspect.getmodule(declares)).get((declares.__name__, name), "")
    return ""


@cache
def _under_fields(module: ModuleType | None) -> dict[tuple[str, str], str]:
    assert module is not None
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            for field, below in zip(node.body, node.body[1:], strict=False):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                        found[node.name, name] = " ".join(said.split())
    return found
