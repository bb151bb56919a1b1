"""Reads the backbone's source: after which awaits on an outside system there is no fail point."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

ACTS = frozenset(
    "execute executemany fetch fetchval fetchrow scalar scalars flush commit rollback copy_records_to_table"
    " add_listener start getmany getone send send_and_wait all_arrived".split()
)
"""Methods of database sessions and connections and of Kafka's clients that ask or tell something. Opening and closing a
connection are none: a death there is a death before or after."""


@dataclass(frozen=True)
class Step:
    """What a function does, in order of evaluation: a point that it passes, or an act (its source)."""

    point: str = ""
    act: str = ""
    calls: str = ""
    """Another function of the backbone, which may leave an act open."""


@dataclass(frozen=True)
class Function:
    name: str
    """`module.function`."""
    steps: Sequence[Step]


def functions(module: str, source: str) -> list[Function]:
    """The async functions of a module, methods too, whatever they are nested in."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AsyncFunctionDef)]
    return [Function(f"{module}.{node.name}", list(_body(node.body))) for node in found]


def passed(source: str) -> set[str]:
    """The names of the points in a module, wherever they stand."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {name for call in calls if (name := _point(call))}


def without_point(found: Sequence[Function]) -> dict[str, set[str]]:
    """By function, the acts that another act follows, or nothing, before a point.

    A function whose last act has no point after it leaves it open for its caller, who must have one.
    """
    last_acts = _open(found)
    called = {step.calls for function in found for step in function.steps if step.calls}
    missing = {}
    for function in found:
        acts = _bare(function, last_acts, closing=_short(function.name) not in called)
        if acts:
            missing[function.name] = acts
    return missing


def _bare(function: Function, last_acts: Mapping[str, str], *, closing: bool) -> set[str]:
    bare, pending = set(), ""
    for step in function.steps:
        if step.point:
            pending = ""
        elif act := step.act or (step.calls if step.calls in last_acts else ""):
            bare |= {pending} - {""}
            pending = act
    return bare | ({pending} - {""} if closing else set())


def _open(found: Sequence[Function]) -> dict[str, str]:
    """Functions that end with an act, or with a call of such a function, after their last point."""
    ends: dict[str, str] = {}
    while True:
        before = len(ends)
        for function in found:
            tail = ""
            for step in function.steps:
                tail = "" if step.point else step.act or (step.calls if step.calls in ends else "") or tail
            if tail:
                ends[_short(function.name)] = tail
        if len(ends) == before:
            return ends


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _body(statements: Sequence[ast.stmt]) -> Iterator[Step]:
    for statement in statements:
        yield from _steps(statement)


def _steps(node: ast.AST) -> Iterator[Step]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
            return
        case ast.For() | ast.AsyncFor() | ast.While():
            inside = [step for child in ast.iter_child_nodes(node) for step in _steps(child)]
            yield from inside
            yield from inside  # what its end is followed by is its beginning
        case ast.AsyncWith():
            for item in node.items:
                yield from _steps(item.context_expr)
            yield from _body(node.body)
            yield from (step for item in node.items for step in _left(item.context_expr))
        case ast.Await():
            for child in ast.iter_child_nodes(node.value):
                yield from _steps(child)
            yield from _awaited(node.value)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _steps(child)


def _left(context: ast.expr) -> Iterator[Step]:
    """A driver's own transaction ends with a round trip; the kernel's has points of its own round its end."""
    match context:
        case ast.Call(func=ast.Attribute(attr="transaction", value=owner)) if ast.unparse(owner).endswith("database"):
            yield Step(point="database.committed")
        case ast.Call(func=ast.Attribute(attr="transaction" | "begin")):
            yield Step(act=f"leaving {ast.unparse(context)}")


def _awaited(value: ast.expr) -> Iterator[Step]:
    calls = [node for node in _shallow(value) if isinstance(node, ast.Call)]
    if points := [name for call in calls if (name := _point(call))]:
        yield Step(point=points[0])
        return
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if isinstance(call.func, ast.Attribute) and name in ACTS:
            yield Step(act=ast.unparse(call))
        else:
            yield Step(calls=name)


def _shallow(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is in it, without what another await or function holds."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Await | ast.Lambda):
            yield from _shallow(child)


def _point(call: ast.Call) -> str:
    match call:
        case ast.Call(func=ast.Name(id="point"), args=[ast.Constant(value=str(name))]):
            return name
    return ""
