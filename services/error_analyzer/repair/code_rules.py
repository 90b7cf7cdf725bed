"""What the code of a fix may not newly do, told from the syntax trees of a file before and after.

No list of bad names is complete, and none has to be: tests run in a sandbox and a person reads the fix."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from services.error_analyzer.domain import InvalidFix
from services.error_analyzer.repair.code_names import (
    COOKIE,
    FOR_TESTS,
    PARTLY,
    PURE,
    PURE_NAMES,
    RUNS_TESTS,
    SKIPS,
)
from services.error_analyzer.repair.code_uses import uses
from services.error_analyzer.repair.diffs import holds_controls


@dataclass(frozen=True, slots=True)
class Around:
    """The repository that a fix is for. Modules as they are imported: `services.shop.prices`.

    `changed`: those that the fix changes; `modules`: all; `imported`: those that some file imports.
    """

    changed: frozenset[str]
    modules: frozenset[str]
    imported: frozenset[str]

    @property
    def reached(self) -> frozenset[str]:
        """The modules that are run anyway, and the packages that they are in."""
        known = self.imported | self.changed
        packages = {name[: dot.start()] for name in known for dot in re.finditer(r"\.", name)}
        return known | packages


def judge_change(path: str, before: str | bytes, after: str | bytes, around: Around | None = None) -> None:
    """InvalidFix where a file newly does what a repair does not, or nothing that it did not do before."""
    old, new = _parsed(path, before), _parsed(path, after)
    known = Counter(_found(path, old))
    for use, number in Counter(_found(path, new)).items():
        if number > known[use]:
            raise InvalidFix(f"{path}: it newly {use}, which no repair of an error needs")
    _judge_imports(path, new, _imports(old), around, test=False)
    if _told(path, old) == _told(path, new):
        raise InvalidFix(
            f"{path}: it changes nothing but comments, docstrings and form, which mends no error"
        )


def judge_test(path: str, code: str | bytes, around: Around | None = None) -> None:
    """InvalidFix where a test does more than test, or can pass without testing."""
    tree = _parsed(path, code)
    for use in _found(path, tree, test=True):
        raise InvalidFix(f"{path}: the test {use}, which is not allowed in one")
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not any(name.startswith("test") for name in names):
        raise InvalidFix(f"{path}: it holds no function whose name begins with test")
    for node in ast.walk(tree):
        for name in _names_in(node):
            if name in SKIPS or name in ("SystemExit", "KeyboardInterrupt"):
                raise InvalidFix(f"{path}: {name} lets it pass or end without testing")
            if name in RUNS_TESTS or (name.startswith("pytest_") and name != "pytest_asyncio"):
                raise InvalidFix(f"{path}: {name} changes how tests are run")
            if name in ("pytestconfig", "conftest", "hookimpl"):
                raise InvalidFix(f"{path}: {name} changes how tests are run")
            if name in ("__file__", "__doc__", "getdoc"):
                raise InvalidFix(
                    f"{path}: {name} reads source; a test shows what code does, not how it reads"
                )
        if isinstance(node, ast.Constant) and re.search(r"\.py[cw]?$", str(node.value)):
            raise InvalidFix(f"{path}: it names the source file {str(node.value)[:60]!r}: it tests behaviour")
    _judge_imports(path, tree, frozenset(), around, test=True)
    if around is not None and not _uses_changed(tree, around):
        raise InvalidFix(
            f"{path}: none of its functions uses what it imports from {', '.join(sorted(around.changed))}, "
            "which the fix changes"
        )


def _parsed(path: str, content: str | bytes) -> ast.Module:
    """The tree of what Python itself would read, which goes by bytes."""
    try:
        raw = content if isinstance(content, bytes) else content.encode()
        text = raw.decode()
    except UnicodeError as error:
        raise InvalidFix(f"{path} is not in UTF-8") from error
    if holds_controls(text):
        raise InvalidFix(f"{path}: it holds control characters, form feeds, or byte order marks")
    for number, line in enumerate(raw.split(b"\n")[:2], start=1):
        cookie = COOKIE.match(line)
        if cookie and cookie[1].lower() not in (b"utf-8", b"utf8"):
            raise InvalidFix(
                f"{path}: line {number} declares the encoding {cookie[1].decode()}; only utf-8 may be"
            )
    try:
        return ast.parse(raw, filename=path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line_number = getattr(error, "lineno", None)
        raise InvalidFix(
            f"{path}: it is no Python: {getattr(error, 'msg', error)}"
            + (f", line {line_number}" if line_number else "")
        ) from error


class _Plain(ast.NodeTransformer):
    """Takes out what is said and not done."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None


def _found(path: str, tree: ast.Module, *, test: bool = False) -> list[str]:
    try:
        return list(uses(tree, test=test))
    except RecursionError as error:
        raise InvalidFix(f"{path}: it is nested too deeply to be judged") from error


def _told(path: str, tree: ast.Module) -> str:
    """What a module does; the tree is used up."""
    try:
        return ast.dump(_Plain().visit(tree))
    except RecursionError as error:
        raise InvalidFix(f"{path}: it is nested too deeply to be judged") from error


def _names_in(node: ast.AST) -> Iterator[str]:
    """Every name that a node uses or gives."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=given):
            yield from [*name.split("."), *([given] if given else [])]
        case ast.MatchClass(kwd_attrs=names):
            yield from names
        case ast.Call(
            func=ast.Name(id="getattr" | "setattr") | ast.Attribute(attr="setattr" | "delattr" | "object")
        ):
            yield from (
                str(each.value).rpartition(".")[2] for each in node.args if isinstance(each, ast.Constant)
            )
        case _:
            pass


def _imports(tree: ast.Module) -> frozenset[str]:
    """The modules that a file imports, as it writes them: `.prices` for one beside it."""
    return frozenset(module for module, _ in _imported(tree))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Modules, and what is imported from them; empty where that is the module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def _judge_imports(
    path: str, tree: ast.Module, already: frozenset[str], around: Around | None, *, test: bool
) -> None:
    for module, name in _imported(tree):
        if module in PURE or (test and module in FOR_TESTS) or name in PURE_NAMES.get(module, ()):
            continue
        if name and (module in PARTLY and name in PARTLY[module]):
            continue
        own = around and _resolved(path, module)
        whole = f"{own}.{name}".removeprefix(".") if name else own
        if around and own and whole:
            known = around.reached
            if own in around.modules and (whole in known or (whole not in around.modules and own in known)):
                continue
            if whole in known and whole in around.modules:
                continue
            if module in already and whole not in around.modules:
                continue
        elif module in already:
            continue
        raise InvalidFix(
            f"{path}: it newly imports {module}{f' ({name})' if name else ''}, which is neither a plain "
            "standard module nor one of the repository that is imported already"
        )


def _resolved(path: str, module: str) -> str:
    """The whole name of a module that may be written from where it is imported."""
    rest = module.lstrip(".")
    level = len(module) - len(rest)
    if not level:
        return module
    folders = path.split("/")[:-1]
    return ".".join([*folders[: len(folders) - level + 1], *([rest] if rest else [])])


def _uses_changed(tree: ast.Module, around: Around) -> bool:
    """Whether a function uses a name that an import of a changed module gave."""
    given: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            given |= {
                alias.asname or alias.name.partition(".")[0]
                for alias in node.names
                if alias.name in around.changed
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                packaged = whole not in around.modules and any(
                    module.startswith(f"{node.module}.") for module in around.changed
                )
                if node.module in around.changed or whole in around.changed or packaged:
                    given.add(alias.asname or alias.name)
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in given
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    )
