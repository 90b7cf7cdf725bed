"""Finds in a syntax tree what repairs and their tests rarely need: other processes, files, hidden errors."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TypeGuard

from services.error_analyzer.repair.code_names import (
    BROAD,
    CALLS,
    DOTTED,
    DUNDER,
    DUNDERS,
    FIELD,
    INSIDE,
    METHODS,
    MODE,
    MODULES,
    ONLY_CALLED,
    OUTSIDE,
    PARTLY,
    SYSTEM_PLACE,
    TELLING,
    WORDS,
    WRITES,
)
from services.error_analyzer.secret_files import is_secret


def uses(tree: ast.Module, *, test: bool = False) -> Iterator[str]:
    """Everything questionable, each time that it occurs, as the rest of a sentence."""
    aliases, modules, broad = _aliases(tree), _module_names(tree), _broad_names(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    patched = {id(node.args[0]) for node in ast.walk(tree) if test and _patches(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    if alias.name not in ("os", "sys", "io") and (reason := _module_reason(alias.name)):
                        yield f"imports {alias.name} ({reason})"
            case ast.ImportFrom():
                yield from _imported_from(node)
            case ast.Attribute() | ast.Name() if id(node) not in inner:
                yield from _named(node, aliases)
                if isinstance(node, ast.Name) and node.id in modules and id(node) not in patched:
                    yield f"uses the module {node.id} as a value"
            case ast.Call():
                yield from _called(node, aliases, broad, test=test)
            case ast.Constant(value=str() as text):
                yield from _said(text)
            case ast.BinOp(op=ast.Div(), right=right):
                yield from _placed([right])
            case ast.ExceptHandler():
                yield from _swallows(node, broad)
            case ast.Try() | ast.TryStar():
                yield from _leaves(node.finalbody)
            case ast.MatchClass():
                for name in node.kwd_attrs:
                    yield from _attribute(name, test=test)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name in ("__exit__", "__aexit__"):
                yield from _swallows_in_exit(node)
            case _:
                pass
        if isinstance(node, ast.Attribute):
            yield from _attribute(node.attr, test=test)
            yield from _reached(node, called)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store) and node.id in ("__exit__", "__aexit__", "__match_args__"):
                yield f"sets {node.id}"
            elif node.id in ONLY_CALLED and id(node) not in called:
                yield f"uses {node.id} as a value"


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What names of modules and of things imported from them stand for, with dots."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _module_names(tree: ast.Module) -> set[str]:
    """The names that surely stand for modules."""
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }


def _broad_names(tree: ast.Module) -> frozenset[str]:
    """What catches every exception, by whatever name."""
    broad = set(BROAD)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            if any(isinstance(value, ast.Name) and value.id in broad for value in values):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                broad |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(broad)


def _patches(node: ast.AST) -> TypeGuard[ast.Call]:
    """A call as `monkeypatch.setattr(prices, "limit", 3)`: there a test may name a module of its own."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("setattr", "delattr", "object")
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    )


def _module_reason(dotted: str) -> str:
    first, *rest = dotted.split(".")
    if first in PARTLY and rest and rest[0] in PARTLY[first]:
        return ""
    return next((MODULES[start] for start in _starts(dotted) if start in MODULES), "")


def _starts(dotted: str) -> Iterator[str]:
    parts = dotted.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _imported_from(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        if alias.name == "*":
            yield f"imports everything of {node.module}"
        elif not node.level and (reason := _dotted_reason(f"{node.module}.{alias.name}")):
            yield f"imports {alias.name} of {node.module} ({reason})"
        else:
            yield from (f"imports {alias.name}: {why}" for why in _attribute(alias.name, test=False))


def _dotted_reason(dotted: str) -> str:
    """Why a dotted name below a module is questionable; its parts, too: `logging.os.environ`."""
    parts = dotted.split(".")
    standard = parts[0] in sys.stdlib_module_names
    if standard:
        for part in parts[1:]:
            if part.startswith("_") and not DUNDER.fullmatch(part):
                return f"{part} is the inside of {parts[0]}"
    for at, part in enumerate(parts):
        if part in ("os", "sys", "io"):
            following = parts[at + 1] if at + 1 < len(parts) else ""
            if following not in PARTLY[part]:
                return f"{part} is more than a repair needs; allowed are {', '.join(sorted(PARTLY[part]))}"
        elif (reason := _module_reason(".".join(parts[at:]))) and (not at or standard or part not in WORDS):
            return reason
    return ""


def _dotted(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """The name with dots of what begins at a module; empty for all else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return ""
    return ".".join([aliases[node.id], *reversed(parts)])


def _named(node: ast.Attribute | ast.Name, aliases: Mapping[str, str]) -> Iterator[str]:
    if (dotted := _dotted(node, aliases)) and (reason := _dotted_reason(dotted)):
        yield f"uses {dotted} ({reason})"
    elif isinstance(node, ast.Name) and node.id in CALLS:
        yield f"uses {node.id}"


def _attribute(name: str, *, test: bool) -> Iterator[str]:
    """Judges a name behind a dot, whatever stands before it, and however it is written."""
    if name in METHODS or (name in WRITES and not test):
        yield f"uses .{name}"
    elif name in INSIDE or (DUNDER.fullmatch(name) and name not in DUNDERS):
        yield f"reaches for {name}"


def _reached(node: ast.Attribute, called: Set[int]) -> Iterator[str]:
    """Judges an attribute by what stands before it, and by whether it is called."""
    before = node.value
    if (
        isinstance(before, ast.Attribute)
        and before.attr == "__class__"
        and node.attr not in ("__name__", "__qualname__")
    ):
        yield f"reaches for __class__.{node.attr}"
    if node.attr in ("format", "format_map") and not isinstance(before, ast.Constant):
        yield f"calls .{node.attr} on a text that is not written there"
    if node.attr in ("open", "replace", "suppress") and id(node) not in called:
        yield f"uses .{node.attr} as a value"


def _said(text: str) -> Iterator[str]:
    if SYSTEM_PLACE.match(text):
        yield f"names a place of the system, {text[:60]!r}"
    elif text in TELLING or (DUNDER.fullmatch(text) and text not in DUNDERS):
        yield f"names {text}"
    elif FIELD.search(text):
        yield f"reads attributes in a format, {text[:60]!r}"
    elif DOTTED.fullmatch(text):
        for part in re.split(r"[.:]", text):
            if part in INSIDE or MODULES.get(part) == "the inside of Python":
                yield f"names {part} in {text[:60]!r}"


def _called(node: ast.Call, aliases: Mapping[str, str], broad: Set[str], *, test: bool) -> Iterator[str]:
    function = node.func
    dotted = _dotted(function, aliases)
    plain = isinstance(function, ast.Name)
    name = dotted.rpartition(".")[2] or (
        function.id
        if isinstance(function, ast.Name)
        else function.attr
        if isinstance(function, ast.Attribute)
        else ""
    )
    if name in ("getattr", "setattr", "hasattr") and plain:
        yield from _asked_by_name(node, aliases, test=test)
    if name == "open":
        yield from _opens(node, at=1 if plain or dotted else 0)
    if name in ("open", "Path", "joinpath"):
        yield from _placed(node.args)
        if test and any(isinstance(each, ast.BinOp | ast.JoinedStr) and _lead(each) for each in node.args):
            yield f"calls {name} with a path that it puts together"
    if name == "replace" and not dotted and isinstance(function, ast.Attribute):
        keywords = {keyword.arg for keyword in node.keywords}
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or keywords & {"target", None} or (len(node.args) == 1 and not keywords):
            yield "moves files with .replace"
    if name == "suppress" and any(not _is_narrow(each, broad) for each in node.args):
        yield "suppresses every exception"


def _asked_by_name(node: ast.Call, aliases: Mapping[str, str], *, test: bool) -> Iterator[str]:
    """Judges `getattr` and its like."""
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    wanted = node.args[1] if len(node.args) > 1 else None
    if not isinstance(wanted, ast.Constant) or any(isinstance(each, ast.Starred) for each in node.args):
        yield f"calls {called} with a computed name"
        return
    name = str(wanted.value)
    start = _dotted(node.args[0], aliases)
    if start and (reason := _dotted_reason(f"{start}.{name}")):
        yield f"uses {start}.{name} ({reason})"
    elif called == "setattr" and DUNDER.fullmatch(name):
        yield f"sets {name}"
    elif name in ("format", "format_map", "open", "replace"):
        yield f"asks for .{name} by name"
    else:
        yield from _attribute(name, test=test)


def _opens(node: ast.Call, *, at: int) -> Iterator[str]:
    """Judges a call of `open`, whose mode is the argument `at`."""
    if any(keyword.arg in (None, "opener") for keyword in node.keywords) or any(
        isinstance(each, ast.Starred) for each in node.args
    ):
        yield "opens a file by arguments that are not written there"
        return
    modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] + node.args[at : at + 1]
    if at == 0:
        modes += [each for each in node.args[1:2] if isinstance(each, ast.Constant)]
    for mode in modes:
        text = str(mode.value) if isinstance(mode, ast.Constant) else "w"
        if (mode is not modes[-1] or at or MODE.fullmatch(text)) and set("wax+") & set(text):
            yield "opens a file to write"
            return


def _placed(arguments: Sequence[ast.expr]) -> Iterator[str]:
    """Judges the parts of a path."""
    for argument in arguments:
        text = _lead(argument)
        if OUTSIDE.match(text) or is_secret(text):
            yield f"names a file that is none of the program's, {text[:60]!r}"


def _lead(node: ast.expr) -> str:
    """The text that an expression begins with, as far as it is written there."""
    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_narrow(node: ast.expr | None, broad: Set[str]) -> bool:
    """True for exceptions that are named, none of them the one of all."""
    if isinstance(node, ast.Tuple):
        return all(_is_narrow(each, broad) for each in node.elts)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return bool(name) and name not in broad


def _swallows(node: ast.ExceptHandler, broad: Set[str]) -> Iterator[str]:
    if _is_narrow(node.type, broad):
        return
    ends = any(isinstance(each, ast.Return | ast.Break | ast.Continue) for each in _within(node.body))
    if ends or not _always_raises(node.body):
        yield "catches every exception and hides errors, for it does not always raise again"


def _always_raises(body: Sequence[ast.stmt]) -> bool:
    match body[-1] if body else None:
        case ast.Raise():
            return True
        case ast.If(body=first, orelse=second):
            return _always_raises(first) and _always_raises(second)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _always_raises(inner)
        case ast.Try(body=inner, handlers=[], finalbody=last):
            return _always_raises(inner) or _always_raises(last)
        case _:
            return False


def _within(body: Sequence[ast.AST], *, loops: bool = True) -> Iterator[ast.AST]:
    """All nodes, those of functions and classes inside left out, and without `loops` those of loops."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        inside = list(_within(list(ast.iter_child_nodes(node)), loops=loops))
        if not loops and isinstance(node, ast.For | ast.AsyncFor | ast.While):
            inside = [each for each in inside if not isinstance(each, ast.Break | ast.Continue)]
        yield from inside


def _leaves(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in _within(body, loops=False):
        if isinstance(node, ast.Return | ast.Break | ast.Continue):
            yield f"leaves a finally by {type(node).__name__.lower()} and so hides errors"


def _swallows_in_exit(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for each in _within(node.body):
        value = each.value if isinstance(each, ast.Return) else None
        if value is not None and not (isinstance(value, ast.Constant) and not value.value):
            yield f"returns more than False from {node.name} and so hides errors"
