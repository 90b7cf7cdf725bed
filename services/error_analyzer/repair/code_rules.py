"""What the code of a fix may not newly do, told from the syntax trees of a file before and after.

No list of bad names is complete, and none has to be: tests run in a sandbox and a person reads the fix."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from services.error_analyzer.domain import InvalidFix

_KINDS = {
    "the network": """
        socket ssl http urllib urllib3 requests httpx aiohttp ftplib smtplib imaplib poplib telnetlib xmlrpc
        socketserver websockets select selectors asyncore nntplib paramiko asyncssh webbrowser
    """,
    "other processes": "subprocess multiprocessing pty signal pexpect psutil resource atexit sh",
    "the inside of Python": """
        importlib runpy code codeop ctypes cffi pickle marshal shelve dill cloudpickle builtins imp zipimport
        pkgutil gc inspect types dis bdb pdb posix nt _posixsubprocess _socket _ctypes _thread
    """,
    "files or the environment": "shutil mmap fcntl dotenv",
    "the inside of the test tool": "_pytest pluggy xdist",
}
_MODULES = {module: kind for kind, modules in _KINDS.items() for module in modules.split()}
_ALLOWED_OF: Mapping[str, frozenset[str]] = {
    "os": frozenset({"path", "fspath", "PathLike", "sep", "linesep", "extsep"}),
    "sys": frozenset({"maxsize", "version_info", "float_info", "byteorder", "getsizeof"}),
    "urllib": frozenset({"parse"}),
    "http": frozenset({"HTTPStatus"}),
    "types": frozenset({"MappingProxyType", "SimpleNamespace", "NoneType"}),
    "inspect": frozenset({"isawaitable", "iscoroutinefunction", "cleandoc"}),
}
"""What is harmless in modules that otherwise are not."""
_CALLS = frozenset(
    {
        *("eval", "exec", "compile", "__import__", "globals", "locals", "vars", "breakpoint", "input"),
        *("exit", "quit", "delattr", "memoryview"),
    }
)
_METHODS = frozenset(
    {
        *("unlink", "rmdir", "rmtree", "removedirs", "symlink_to", "hardlink_to", "chmod", "lchmod", "chown"),
        *(
            "open_connection",
            "open_unix_connection",
            "start_server",
            "start_unix_server",
            "create_connection",
        ),
        *("create_server", "create_datagram_endpoint", "create_subprocess_exec", "create_subprocess_shell"),
        *("subprocess_exec", "subprocess_shell", "run_in_subprocess", "ProcessPoolExecutor"),
    }
)
_WRITES = frozenset({"write_text", "write_bytes", "touch", "mkdir"})
_DUNDERS = frozenset(
    {
        *("__subclasses__", "__globals__", "__builtins__", "__code__", "__bases__", "__mro__", "__loader__"),
        *("__spec__", "__getattribute__", "__dict__", "__import__", "__closure__", "__reduce__", "__func__"),
        *("__self__", "__class_getitem__", "__traceback__", "gi_frame", "cr_frame", "f_globals", "f_back"),
    }
)
_SYSTEM_PLACE = re.compile(r"\s*(?:~|file:|/(?:proc|etc|root|home|dev|sys|var|run|mnt|srv|boot)(?:/|$))")
_SKIPS = frozenset(
    {"skip", "skipif", "skipIf", "skipUnless", "skipTest", "xfail", "importorskip", "expectedFailure", "exit"}
)
_BROAD = frozenset({"Exception", "BaseException"})


def judge_change(path: str, before: str, after: str) -> None:
    """InvalidFix where a file newly does what a repair does not."""
    old, new = Counter(_uses(_parsed(path, before))), Counter(_uses(_parsed(path, after)))
    for use, number in new.items():
        if number > old[use]:
            raise InvalidFix(f"{path}: it newly {use}, which no repair of an error needs")


def judge_test(path: str, code: str) -> None:
    """InvalidFix where a test does more than test, or can pass without testing."""
    tree = _parsed(path, code)
    for use in _uses(tree, test=True):
        raise InvalidFix(f"{path}: the test {use}, which is not allowed in one")
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not any(name.startswith("test") for name in names):
        raise InvalidFix(f"{path}: it holds no function whose name begins with test")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("pytest_"):
            raise InvalidFix(f"{path}: {node.name} changes how tests are run")
        if isinstance(node, ast.Attribute) and node.attr in _SKIPS:
            raise InvalidFix(f"{path}: {node.attr} lets it pass or end without testing")
        if isinstance(node, ast.Name) and node.id in _SKIPS | {"SystemExit", "KeyboardInterrupt"}:
            raise InvalidFix(f"{path}: {node.id} lets it pass or end without testing")
        if isinstance(node, ast.Name) and node.id in (
            "pytestmark",
            "pytest_plugins",
            "__test__",
            "collect_ignore",
        ):
            raise InvalidFix(f"{path}: {node.id} changes how tests are run")
        if isinstance(node, ast.ImportFrom) and any(alias.name in _SKIPS for alias in node.names):
            raise InvalidFix(f"{path}: it imports what lets it pass or end without testing")


def _parsed(path: str, code: str) -> ast.Module:
    try:
        return ast.parse(code, filename=path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise InvalidFix(
            f"{path}: it is no Python: {getattr(error, 'msg', error)}" + (f", line {line}" if line else "")
        ) from error


def _uses(tree: ast.Module, *, test: bool = False) -> Iterator[str]:
    """Everything questionable, each time that it occurs, as the rest of a sentence."""
    aliases = _aliases(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    if reason := _module_reason(alias.name):
                        yield f"imports {alias.name} ({reason})"
            case ast.ImportFrom():
                yield from _imported_from(node)
            case ast.Attribute() | ast.Name() if id(node) not in inner:
                yield from _named(node, aliases)
            case ast.Call():
                yield from _called(node, aliases, test=test)
            case ast.Constant(value=str() as text):
                if _SYSTEM_PLACE.match(text):
                    yield f"names a place of the system, {text[:60]!r}"
                elif text in _DUNDERS:
                    yield f"names {text}"
            case ast.ExceptHandler():
                if reason := _swallows(node):
                    yield reason
            case _:
                pass
        if isinstance(node, ast.Attribute) and node.attr in _DUNDERS:
            yield f"reaches for {node.attr}"


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


def _module_reason(dotted: str) -> str:
    first, *rest = dotted.split(".")
    if first in _ALLOWED_OF and rest and rest[0] in _ALLOWED_OF[first]:
        return ""
    return _MODULES.get(first, "")


def _imported_from(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        if alias.name == "*":
            yield f"imports everything of {node.module}"
        elif not node.level and (reason := _dotted_reason(f"{node.module}.{alias.name}")):
            yield f"imports {alias.name} of {node.module} ({reason})"


def _dotted_reason(dotted: str) -> str:
    """Why a dotted name below a module is questionable; its parts, too: `logging.os.environ`."""
    parts = dotted.split(".")
    for at, part in enumerate(parts):
        if part in ("os", "sys"):
            following = parts[at + 1] if at + 1 < len(parts) else ""
            if following not in _ALLOWED_OF[part]:
                return (
                    f"{part} is more than a repair needs; allowed are {', '.join(sorted(_ALLOWED_OF[part]))}"
                )
        elif reason := _module_reason(".".join(parts[at:])):
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
    elif isinstance(node, ast.Name) and node.id in _CALLS | {"__builtins__", "__loader__", "__spec__"}:
        yield f"uses {node.id}"
    elif isinstance(node, ast.Attribute) and node.attr in _METHODS:
        yield f"uses .{node.attr}"


def _called(node: ast.Call, aliases: Mapping[str, str], *, test: bool) -> Iterator[str]:
    called = node.func
    name = (
        called.id
        if isinstance(called, ast.Name)
        else called.attr
        if isinstance(called, ast.Attribute)
        else ""
    )
    if name in ("getattr", "setattr", "hasattr") and isinstance(called, ast.Name) and len(node.args) > 1:
        wanted = node.args[1]
        if not isinstance(wanted, ast.Constant):
            yield f"calls {name} with a computed name"
            return
        wanted_name = str(wanted.value)
        if isinstance(node.args[0], ast.Name | ast.Attribute) and (start := _dotted(node.args[0], aliases)):
            if reason := _dotted_reason(f"{start}.{wanted_name}"):
                yield f"uses {start}.{wanted_name} ({reason})"
        elif wanted_name in _METHODS:
            yield f"uses .{wanted_name}"
    if name == "open" and _opens_to_write(node, method=isinstance(called, ast.Attribute)):
        yield "opens a file to write"
    if name in _WRITES and isinstance(called, ast.Attribute) and not test:
        yield f"writes files with .{name}"
    if name == "suppress" and any(isinstance(each, ast.Name) and each.id in _BROAD for each in node.args):
        yield "suppresses every exception"


def _opens_to_write(node: ast.Call, *, method: bool) -> bool:
    at = 0 if method else 1
    given = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] or node.args[at : at + 1]
    if not given or not isinstance(given[0], ast.Constant):
        return bool(given)
    return any(letter in str(given[0].value) for letter in "wax+")


def _swallows(node: ast.ExceptHandler) -> str:
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = [
        each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else ""
        for each in caught
    ]
    if node.type is not None and not _BROAD & set(names):
        return ""
    if any(isinstance(each, ast.Raise) for each in ast.walk(node)):
        return ""
    return "catches every exception and goes on, which hides errors"
