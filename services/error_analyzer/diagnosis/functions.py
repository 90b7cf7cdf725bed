"""Where in a Python file a function is, also after its lines have moved."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a file, from 1, both ends included."""

    first: int
    last: int

    def holds(self, line: int) -> bool:
        return self.first <= line <= self.last


def function_span(source: str, qualname: Sequence[str], line: int) -> Span | None:
    """The function of that name, decorators included; None where it can't be told.

    `qualname`: as `("Worker", "drive")` or only `("drive",)`; `<locals>`, `<lambda>`, `<listcomp>` and the
    like are passed over: what they stand in is shown. `line`: decides between several of one name.
    """
    wanted = [part for part in qualname if not part.startswith("<")]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Another version of Python, or no Python at all: its lines can still be shown.
        return None
    if not wanted:
        around = [span for _, span in _functions(tree, ()) if span.holds(line)]
        return max(around, key=lambda span: span.first, default=None)
    named = [(path, span) for path, span in _functions(tree, ()) if path[-1] == wanted[-1]]
    whole = [span for path, span in named if path == tuple(wanted)]
    candidates = whole or [span for _, span in named]
    if len(candidates) == 1:
        return candidates[0]
    return next((span for span in candidates if span.holds(line)), None)


def _functions(tree: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Span]]:
    pending: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, path)]
    while pending:
        node, place = pending.pop()
        for child in ast.iter_child_nodes(node):
            inner = place
            if isinstance(child, _Function | ast.ClassDef):
                inner = (*place, child.name)
            if isinstance(child, _Function):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                yield inner, Span(first, child.end_lineno or child.lineno)
            pending.append((child, inner))
